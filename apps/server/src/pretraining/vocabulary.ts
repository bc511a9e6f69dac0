// Prunes a WordPiece vocabulary to what a dataset uses: most of an encoder's bytes are embeddings of words that it would never learn.

import { createTokenizer, type Tokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { readTextFile } from "../datasets/table.js";

const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** The lines of a vocab.txt. Throws INVALID_INPUT, naming the file, where a special token is missing. */
export function readVocabulary(path: string): string[] {
  const pieces = readTextFile(path).split(/\r?\n/);
  while (pieces.at(-1) === "") pieces.pop();
  for (const token of specialTokens) {
    if (!pieces.includes(token)) {
      throw new AppError(
        "INVALID_INPUT",
        `${path}: the special token ${token} is missing; give an uncased BERT vocab.txt`,
      );
    }
  }
  return pieces;
}

/**
 * The special tokens, every single character (alone and as a continuation, so that no word of known characters becomes
 * [UNK]) and every piece that occurs at least `minimumCount` times in `texts`, in the order of `pieces`.
 */
export function pruneVocabulary(pieces: readonly string[], texts: readonly string[], minimumCount: number): string[] {
  const tokenizer = createTokenizer(wordPieceTokenizerJson(pieces, { lowercase: true }));
  const counts = new Int32Array(pieces.length);
  for (const text of texts) {
    for (const id of tokenizer.encode(text, { maxTokens: 512 }).ids) counts[id]! += 1;
  }
  const kept = pieces.filter((piece, id) => {
    if (specialTokens.includes(piece)) return false;
    return counts[id]! >= minimumCount || [...piece.replace(/^##/, "")].length === 1;
  });
  return [...specialTokens, ...kept];
}

export function tokenizerOf(vocabulary: readonly string[]): Tokenizer {
  return createTokenizer(wordPieceTokenizerJson(vocabulary, { lowercase: true }));
}
