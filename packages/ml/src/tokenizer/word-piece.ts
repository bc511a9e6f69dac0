// WordPiece: each word becomes the longest pieces of the vocabulary from left to right, or the unknown token (Devlin
// et al. 2019, tokenization.py).

import { createWordScan, readMaxCodePoints, type Word } from "./bert-words.js";
import { refuseOtherSettings, type TokenizerFile } from "./tokenizer-file.js";
import { firstPlace, hashPrime, hashSeed, idOfToken, type Vocabulary } from "./vocabulary.js";

/** Receives the ids of a model. Once it is full, the model stops. */
export interface IdSink {
  /** False once there is no more room. */
  push(id: number): boolean;
}

/** Turns text[from, to) into ids. The text holds no lone surrogates. */
export type TokenizerModel = (text: string, range: { from: number; to: number }, sink: IdSink) => void;

/** Stands before a piece that continues a word. */
const prefix = "##";
const numberSign = prefix.charCodeAt(0);
const continuingSeed = [numberSign, numberSign].reduce((hash, unit) => Math.imul(hash ^ unit, hashPrime), hashSeed);

/** Throws `unsupported` or `malformed`, naming the part. */
export function createWordPiece(file: TokenizerFile): TokenizerModel {
  const { model, vocabulary } = file;
  refuseOtherSettings("model", model, { continuing_subword_prefix: [prefix] });
  const maxCodePoints = readMaxCodePoints(model);
  const scan = createWordScan(file, maxCodePoints);
  const unknown = idOfToken(vocabulary, String(model.unk_token))!;
  const hashes = new Int32Array(2 * maxCodePoints + 1);
  const ids = new Int32Array(2 * maxCodePoints);

  /** Writes the pieces of `word` to `ids` and returns their number; 0 if the word has no pieces. */
  function cut({ units, length }: Word): number {
    let count = 0;
    for (let from = 0; from < length; ) {
      const longest = Math.min(length - from, vocabulary.longest);
      // hashes[n] is the hash of the n units from `from` on.
      let hash = from === 0 ? hashSeed : continuingSeed;
      for (let n = 1; n <= longest; n++) {
        hash = Math.imul(hash ^ units[from + n - 1]!, hashPrime);
        hashes[n] = hash;
      }
      let n = longest;
      let id = -1;
      for (; n > 0; n--) {
        id = findPiece(vocabulary, hashes[n]!, { units, from, length: n });
        if (id >= 0 && !cutsPair(units, from + n, length)) break;
      }
      if (n === 0) return 0;
      ids[count++] = id;
      from += n;
    }
    return count;
  }

  return (text, range, sink) => {
    scan(text, range, (word) => {
      const count = word.codePoints > maxCodePoints ? 0 : cut(word);
      if (count === 0) return sink.push(unknown);
      for (let i = 0; i < count; i++) {
        if (!sink.push(ids[i]!)) return false;
      }
      return true;
    });
  };
}

/**
 * Whether a piece that ends here takes half of a code point. A vocabulary may hold such a token, but a word never does.
 */
function cutsPair(units: Uint16Array, end: number, length: number): boolean {
  return end < length && (units[end]! & 0xfc00) === 0xdc00;
}

/** The id of the piece units[from, from + length), which begins or continues the word; −1 if there is no such piece. */
function findPiece(
  vocabulary: Vocabulary,
  hash: number,
  { units, from, length }: { units: Uint16Array; from: number; length: number },
): number {
  const { units: pieces, starts, ids, places } = vocabulary;
  const skip = from === 0 ? 0 : prefix.length;
  const mask = places.length - 1;
  for (let place = firstPlace(hash, places); ; place = (place + 1) & mask) {
    const token = places[place]! - 1;
    if (token < 0) return -1;
    const start = starts[token]!;
    if (starts[token + 1]! - start !== length + skip) continue;
    if (skip > 0 && (pieces[start] !== numberSign || pieces[start + 1] !== numberSign)) continue;
    let i = 0;
    while (i < length && pieces[start + skip + i] === units[from + i]) i++;
    if (i === length) return ids[token]!;
  }
}
