// A vocabulary in flat arrays: no token is a string or an object of its own.

/** Token n is units[starts[n], starts[n + 1]) in UTF-16 and has the id ids[n]. */
export interface Vocabulary {
  readonly units: Uint16Array;
  readonly starts: Int32Array;
  readonly ids: Int32Array;
  /** −1 for an empty vocabulary. */
  readonly largestId: number;
  /** The length of the longest token, in units. */
  readonly longest: number;
  /**
   * Numbers of tokens by hash: open addressing with linear probing. A place holds a token's number plus one; 0 is free.
   */
  readonly places: Int32Array;
}

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 units: the hash of a text continues from the hash of its beginning. */
export const hashSeed = 0x811c9dc5 | 0;
export const hashPrime = 0x01000193;

/** Folds the hash, because the low bits of FNV-1a alone fill a table unevenly. */
export function firstPlace(hash: number, places: Int32Array): number {
  return (hash ^ (hash >>> 15)) & (places.length - 1);
}

/** The table has at least twice as many places as the vocabulary has tokens. */
export function placesFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(2 * count + 1));
}

/** Makes a vocabulary; the tokens must differ from each other. */
export function vocabularyOf(entries: readonly (readonly [token: string, id: number])[]): Vocabulary {
  const units = new Uint16Array(entries.reduce((sum, [token]) => sum + token.length, 0));
  const starts = new Int32Array(entries.length + 1);
  const ids = Int32Array.from(entries, ([, id]) => id);
  const places = new Int32Array(placesFor(entries.length));
  for (const [n, [token]] of entries.entries()) {
    const hash = writeToken(token, units, starts[n]!);
    starts[n + 1] = starts[n]! + token.length;
    let place = firstPlace(hash, places);
    while (places[place] !== 0) place = (place + 1) & (places.length - 1);
    places[place] = n + 1;
  }
  const longest = entries.reduce((most, [token]) => Math.max(most, token.length), 0);
  const largestId = ids.reduce((most, id) => Math.max(most, id), -1);
  return { units, starts, ids, places, longest, largestId };
}

/** Writes the token's units and returns the token's hash. */
function writeToken(token: string, units: Uint16Array, first: number): number {
  let hash = hashSeed;
  for (let i = 0; i < token.length; i++) {
    const unit = token.charCodeAt(i);
    units[first + i] = unit;
    hash = Math.imul(hash ^ unit, hashPrime);
  }
  return hash;
}

/** Token `n` as text. */
function textOf({ units, starts }: Vocabulary, n: number): string {
  let text = "";
  for (let i = starts[n]!; i < starts[n + 1]!; i++) text += String.fromCharCode(units[i]!);
  return text;
}

export function idOfToken(vocabulary: Vocabulary, token: string): number | undefined {
  const { places, ids } = vocabulary;
  const hash = writeToken(token, new Uint16Array(token.length), 0);
  for (let place = firstPlace(hash, places); places[place] !== 0; place = (place + 1) & (places.length - 1)) {
    const n = places[place]! - 1;
    if (textOf(vocabulary, n) === token) return ids[n];
  }
  return undefined;
}
