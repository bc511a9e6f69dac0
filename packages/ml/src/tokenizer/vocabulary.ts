// A tokenizer.json's vocabulary in flat arrays, read straight from the text: neither a string nor an object is made of a token.

/** Token n is units[starts[n], starts[n + 1]) in UTF-16 and has the id ids[n]. */
export interface Vocabulary {
  readonly units: Uint16Array;
  readonly starts: Int32Array;
  readonly ids: Int32Array;
  /** −1 where there is none. */
  readonly largestId: number;
  /** Units of the longest token. */
  readonly longest: number;
  /** The number of a token by its hash: open addressing with linear probing; holds the number plus one, 0 is free. */
  readonly places: Int32Array;
}

export interface VocabularyText {
  readonly vocabulary: Vocabulary;
  /** Where its text ends, the closing brace included. */
  readonly end: number;
}

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 units: the hash of a text goes on from that of its beginning. */
export const hashSeed = 0x811c9dc5 | 0;
export const hashPrime = 0x01000193;

/** The low bits of FNV-1a alone fill a table unevenly. */
export function firstPlace(hash: number, places: Int32Array): number {
  return (hash ^ (hash >>> 15)) & (places.length - 1);
}

/** One token with its id, and the comma or brace after it, in JSON's grammar. */
const entryPattern = /"((?:[ !#-[\]-\uffff]|\\.)*)"[ \t\n\r]*:[ \t\n\r]*(0|[1-9]\d{0,8})[ \t\n\r]*([,}])[ \t\n\r]*/y;

/**
 * The JSON object of whole numbers, with at least one, whose brace opens at `from`. Undefined for anything else, be it JSON or not: the
 * caller asks JSON.parse, which says what is wrong. It runs once, so it leaves the letters to a regular expression, which is machine code
 * before a loop of ours would be.
 */
export function scanVocabulary(json: string, from: number): VocabularyText | undefined {
  const most = json.length - from;
  const units = new Uint16Array(most);
  const starts = new Int32Array(Math.ceil(most / 5) + 1);
  const ids = new Int32Array(starts.length);
  const hashes = new Int32Array(starts.length);
  const entry = new RegExp(entryPattern);
  entry.lastIndex = json.length - json.slice(from + 1).trimStart().length;
  let count = 0;
  let used = 0;
  for (let found = entry.exec(json); found !== null; found = entry.exec(json)) {
    const token = found[1]!.includes("\\") ? unescaped(found[1]!) : found[1]!;
    if (token === undefined) return undefined;
    hashes[count] = writeToken(token, units, used);
    used += token.length;
    ids[count++] = Number(found[2]);
    starts[count] = used;
    if (found[3] !== "}") continue;
    const tokens = { units: units.slice(0, used), starts: starts.slice(0, count + 1), ids: ids.slice(0, count) };
    return { vocabulary: placed(tokens, hashes), end: entry.lastIndex };
  }
  return undefined;
}

function unescaped(token: string): string | undefined {
  try {
    return JSON.parse(`"${token}"`);
  } catch {
    return undefined;
  }
}

/** Returns its hash. */
function writeToken(token: string, units: Uint16Array, first: number): number {
  let hash = hashSeed;
  for (let i = 0; i < token.length; i++) {
    const unit = token.charCodeAt(i);
    units[first + i] = unit;
    hash = Math.imul(hash ^ unit, hashPrime);
  }
  return hash;
}

function placed(tokens: Tokens, hashes: Int32Array): Vocabulary {
  const { starts, ids } = tokens;
  const places = new Int32Array(2 ** Math.ceil(Math.log2(2 * ids.length + 1)));
  let longest = 0;
  let largestId = -1;
  for (let n = 0; n < ids.length; n++) {
    const hash = hashes[n]!;
    let place = firstPlace(hash, places);
    while (places[place] !== 0 && (hashes[places[place]! - 1] !== hash || !sameToken(tokens, places[place]! - 1, n))) {
      place = (place + 1) & (places.length - 1);
    }
    places[place] = n + 1;
    const length = starts[n + 1]! - starts[n]!;
    if (length > longest) longest = length;
    if (ids[n]! > largestId) largestId = ids[n]!;
  }
  return { ...tokens, places, longest, largestId };
}

type Tokens = Pick<Vocabulary, "units" | "starts" | "ids">;

/** Of a token that stands there twice the last counts, as for JSON.parse. */
function sameToken(tokens: Tokens, n: number, other: number): boolean {
  return textOf(tokens, n) === textOf(tokens, other);
}

/** Token `n` as text. */
function textOf({ units, starts }: Tokens, n: number): string {
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
