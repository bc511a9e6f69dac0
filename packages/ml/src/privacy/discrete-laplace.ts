// Exact samples of the discrete Laplace distribution, drawn in whole numbers alone: rounded reals would
// make some noise impossible.
// Source: Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy", arXiv 2004.00010,
// algorithms 1 and 2.

/** Returns `count` bytes, uniform and independent of all other bytes. On a device they come from the system. */
export type RandomBytes = (count: number) => Uint8Array;

/** ε as a ratio of two whole numbers from 1 to 2^20, so that no rounding changes the promise. */
interface Epsilon {
  readonly numerator: number;
  readonly denominator: number;
}

const maxTerm = 2 ** 20;

/**
 * A whole number z with probability (1 - q) / (1 + q) · q^|z|, where q = exp(-ε). Throws RangeError for another ε,
 * or for missing bytes.
 * Source: algorithm 2 with s = numerator and t = denominator.
 */
export function discreteLaplace({ numerator, denominator }: Epsilon, randomBytes: RandomBytes): number {
  checkTerm("numerator", numerator);
  checkTerm("denominator", denominator);
  for (;;) {
    const low = uniformBelow(denominator, randomBytes);
    if (!bernoulliExp(low, denominator, randomBytes)) continue;
    let high = 0;
    while (bernoulliExp(1, 1, randomBytes)) high++;
    const magnitude = Math.floor((low + denominator * high) / numerator);
    const negative = uniformBelow(2, randomBytes) === 1;
    // Zero has one sign, else it would come twice as often.
    if (negative && magnitude === 0) continue;
    return negative ? -magnitude : magnitude;
  }
}

/** True with probability exp(-numerator / denominator), for a ratio from 0 to 1. Source: algorithm 1. */
function bernoulliExp(numerator: number, denominator: number, randomBytes: RandomBytes): boolean {
  let k = 1;
  while (uniformBelow(denominator * k, randomBytes) < numerator) k++;
  return k % 2 === 1;
}

/**
 * A whole number from 0 to `bound` - 1, each equally likely; 1 ≤ `bound` ≤ 2^48. A draw above the last whole multiple
 * of `bound` is rejected.
 * Throws RangeError if `randomBytes` returns another number of bytes than asked.
 */
export function uniformBelow(bound: number, randomBytes: RandomBytes): number {
  let count = 0;
  let range = 1;
  for (; range < bound; range *= 256) count++;
  const limit = range - (range % bound);
  for (;;) {
    const bytes = randomBytes(count);
    if (bytes.length !== count) throw new RangeError(`randomBytes returned ${bytes.length} bytes, not ${count}`);
    const drawn = bytes.reduce((value, byte) => value * 256 + byte, 0);
    if (drawn < limit) return drawn % bound;
  }
}

function checkTerm(name: string, term: number): void {
  if (!Number.isInteger(term) || term < 1 || term > maxTerm) {
    throw new RangeError(`The ${name} of ε must be a whole number from 1 to ${maxTerm}, not ${term}`);
  }
}
