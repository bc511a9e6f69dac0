// Byte-level byte-pair encoding of RoBERTa and GPT-2: words as bytes, the most frequent pair merged first (Radford
// et al. 2019, encoder.py).

import { byteLetters } from "./byte-level-bpe.js";
import { createPairQueue } from "./pair-queue.js";
import {
  type Fields,
  malformed,
  refuseOtherSettings,
  show,
  type TokenizerFile,
  unsupported,
} from "./tokenizer-file.js";
import { idOfToken } from "./vocabulary.js";
import type { TokenizerModel } from "./word-piece.js";

/**
 * GPT-2's pattern: contractions, words and numbers with the space before them, other marks, and white space without a
 * space that belongs to the next word.
 */
const wordPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const maxCachedWordLength = 64;
const maxCachedWords = 10_000;

/** Throws `unsupported` or `malformed`, naming the part. */
export function createBytePairs({ model, vocabulary, normalizer, preTokenizer }: TokenizerFile): TokenizerModel {
  if (normalizer !== null) throw unsupported(`normalizer ${show(normalizer.type)} beside a BPE model`);
  const { splits, addsPrefixSpace } = readPreTokenizer(preTokenizer);
  refuseOtherSettings("model", model, {
    dropout: [null, 0],
    continuing_subword_prefix: ["", null],
    continuing_subword_suffix: ["", null],
    end_of_word_suffix: ["", null],
    fuse_unk: [false],
    byte_fallback: [false],
    ignore_merges: [false],
  });
  const idOf = (token: string): number => idOfToken(vocabulary, token) ?? absent;
  const unknown = typeof model.unk_token === "string" ? idOf(model.unk_token) : absent;
  const idOfByte = Int32Array.from(byteLetters(), idOf);
  const merges = readMerges(model.merges, idOf);
  const encoder = new TextEncoder();
  const cache = new Map<string, Int32Array>();

  function encodeWord(word: string): Int32Array {
    const known = cache.get(word);
    if (known !== undefined) return known;
    const ids = mergePairs(
      Int32Array.from(encoder.encode(word), (byte) => idOfByte[byte]!),
      merges,
    );
    if (word.length <= maxCachedWordLength) {
      if (cache.size >= maxCachedWords) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  }

  return (text, { from, to }, sink) => {
    let section = text.slice(from, to);
    if (addsPrefixSpace && !section.startsWith(" ")) section = ` ${section}`;
    const words = splits ? (section.match(wordPattern) ?? []) : [section];
    for (const word of words) {
      for (const id of encodeWord(word)) {
        const known = id === absent ? unknown : id;
        if (known !== absent && !sink.push(known)) return;
      }
    }
  };
}

/**
 * Marks a byte whose letter is not in the vocabulary. It becomes the unknown token if there is one, else it is left
 * out. It merges with nothing.
 */
const absent = -1;

function readPreTokenizer(part: Fields | null): { splits: boolean; addsPrefixSpace: boolean } {
  if (part?.type !== "ByteLevel") {
    throw unsupported(`pre_tokenizer.type ${show(part?.type)} is not ByteLevel, as BPE here needs`);
  }
  refuseOtherSettings("pre_tokenizer", part, { use_regex: [true, false], add_prefix_space: [false, true] });
  return { splits: part.use_regex !== false, addsPrefixSpace: part.add_prefix_space === true };
}

interface Merges {
  /** Position of the merge of the pair (left, right) in the list, most frequent first; −1 if the two do not merge. */
  rank(left: number, right: number): number;
  /** The token that both tokens form together. */
  merged(rank: number): number;
}

function readMerges(list: unknown, idOf: (token: string) => number): Merges {
  if (!Array.isArray(list)) throw malformed("model.merges is not a list");
  const merged = new Int32Array(list.length);
  const mask = 2 ** Math.ceil(Math.log2(2 * list.length + 1)) - 1;
  const lefts = new Int32Array(mask + 1);
  const rights = new Int32Array(mask + 1);
  /** The rank plus one; 0 marks a free place. */
  const ranks = new Int32Array(mask + 1);
  const placeOf = (left: number, right: number): number => {
    let place = spread(left, right) & mask;
    while (ranks[place] !== 0 && (lefts[place] !== left || rights[place] !== right)) place = (place + 1) & mask;
    return place;
  };
  for (const [rank, entry] of list.entries()) {
    const parts: unknown = typeof entry === "string" ? entry.split(" ") : entry;
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => typeof part === "string")) {
      throw malformed(`model.merges ${rank + 1} is not two tokens with a space between them`);
    }
    const [left, right, both] = [...parts, parts.join("")].map((token: string) => {
      const id = idOf(token);
      if (id === absent) throw malformed(`model.merges ${rank + 1}: "${token}" is not in model.vocab`);
      return id;
    }) as [number, number, number];
    const place = placeOf(left, right);
    lefts[place] = left;
    rights[place] = right;
    ranks[place] = rank + 1;
    merged[rank] = both;
  }
  return {
    rank: (left, right) => ranks[placeOf(left, right)]! - 1,
    merged: (rank) => merged[rank]!,
  };
}

function spread(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** Merges the pair of the lowest rank, the leftmost of several, until no pair merges. Overwrites `tokens`. */
function mergePairs(tokens: Int32Array, merges: Merges): Int32Array {
  const count = tokens.length;
  const next = Int32Array.from({ length: count }, (_, i) => i + 1);
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
  /** The rank of the pair that begins at each place; −1 where no pair merges or the place was merged away. */
  const ranks = new Int32Array(count).fill(-1);
  const queue = createPairQueue();

  function rankAt(place: number): void {
    if (place < 0) return;
    const right = next[place]!;
    const mergeable = right < count && tokens[place] !== absent && tokens[right] !== absent;
    const rank = mergeable ? merges.rank(tokens[place]!, tokens[right]!) : -1;
    ranks[place] = rank;
    if (rank >= 0) queue.add(rank, place);
  }

  for (let place = 0; place < count; place++) rankAt(place);
  for (let pair = queue.take(); pair !== undefined; pair = queue.take()) {
    const { rank, place } = pair;
    // The pair has changed since it was queued.
    if (ranks[place] !== rank) continue;
    const right = next[place]!;
    tokens[place] = merges.merged(rank);
    ranks[right] = -1;
    next[place] = next[right]!;
    if (next[right]! < count) previous[next[right]!] = place;
    rankAt(place);
    rankAt(previous[place]!);
  }
  let kept = 0;
  for (let place = 0; place < count; place = next[place]!) tokens[kept++] = tokens[place]!;
  return tokens.slice(0, kept);
}
