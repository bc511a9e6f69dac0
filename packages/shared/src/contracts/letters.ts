// Bits in a unit that people know: the letters that they could spell.

/**
 * English text holds about 1.5 bits a letter (Shannon 1951, between 0.6 and 1.3 bits; a model of the time, so
 * on the safe side).
 */
const bitsPerLetter = 1.5;

/** The number of letters that so many bits could spell. */
export function lettersOf(bits: number): number {
  return Math.round(bits / bitsPerLetter);
}
