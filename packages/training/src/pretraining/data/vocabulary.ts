// Prunes a WordPiece tokenizer to a dataset's texts: most of an encoder's bytes are embeddings of words that
// it would never learn.

import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { readTextFile } from "../../datasets/text-file.js";

const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/**
 * The tokenizer.json for the lines of an uncased BERT's vocab.txt. Throws INVALID_INPUT, naming the file, if a
 * special token is missing.
 */
export function readVocabulary(path: string): string {
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
  return wordPieceTokenizerJson(pieces, { lowercase: true });
}

/** At most one of the two fields is set; without both the vocabulary stays whole. */
interface PruningRule {
  /**
   * Pieces that the texts hold less often leave. Single characters stay, alone and as a continuation, whether the texts
   * hold them or not.
   */
  readonly minimumPieceCount?: number | undefined;
  /**
   * The number of pieces: special tokens, the single characters of the texts and of ASCII, and then
   * the most frequent pieces.
   */
  readonly vocabularySize?: number | undefined;
}

export interface PrunedTokenizer {
  readonly tokenizerJson: string;
  /** The former id of each piece, by its new one: special tokens first, then the other pieces in their former order. */
  readonly formerIds: Int32Array;
}

/** The fields of a tokenizer.json that are read; all other fields stay as they are. */
const wordPieceSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string() })),
  post_processor: z.looseObject({ type: z.string() }),
  model: z.looseObject({
    type: z.literal("WordPiece").optional(),
    continuing_subword_prefix: z.string().default("##"),
    vocab: z.record(z.string(), z.int()),
  }),
});

/**
 * The tokenizer with fewer pieces. No word of known characters becomes [UNK] by pruning: WordPiece spells the
 * word with smaller pieces. Throws INVALID_INPUT if the tokenizer is no WordPiece one, or the single
 * characters alone exceed `vocabularySize`.
 */
export function pruneTokenizer(tokenizerJson: string, texts: readonly string[], rule: PruningRule): PrunedTokenizer {
  const parsed = wordPieceSchema.safeParse(JSON.parse(tokenizerJson));
  if (!parsed.success) {
    throw new AppError(
      "INVALID_INPUT",
      "only a WordPiece vocabulary can be pruned, as the pieces of others are built from each other; add --set vocabularySize=none --set minimumPieceCount=none",
    );
  }
  const json = parsed.data;
  const { vocab, continuing_subword_prefix: prefix } = json.model;
  const special = json.added_tokens.map(({ content }) => content);
  const pieces = Object.keys(vocab)
    .filter((piece) => !special.includes(piece))
    .sort((a, b) => vocab[a]! - vocab[b]!);
  const counts = countPieces(tokenizerJson, texts);
  const characterOf = (piece: string) => {
    const bare = piece.startsWith(prefix) && piece !== prefix ? piece.slice(prefix.length) : piece;
    return [...bare].length === 1 ? bare : undefined;
  };
  const kept = new Set(
    keptPieces(pieces, { rule, texts, characterOf, count: (piece) => counts[vocab[piece]!]!, special }),
  );
  const order = [...special, ...pieces.filter((piece) => kept.has(piece))];
  const idOf = new Map(order.map((piece, id) => [piece, id]));
  const pruned = {
    ...json,
    truncation: null,
    padding: null,
    added_tokens: json.added_tokens.map((token) => ({ ...token, id: idOf.get(token.content)! })),
    post_processor: renumbered(json.post_processor, idOf),
    model: { ...json.model, vocab: Object.fromEntries(idOf) },
  };
  return {
    tokenizerJson: JSON.stringify(pruned),
    formerIds: Int32Array.from(
      order,
      (piece) => vocab[piece] ?? json.added_tokens.find((t) => t.content === piece)!.id,
    ),
  };
}

function countPieces(tokenizerJson: string, texts: readonly string[]): Int32Array {
  const tokenizer = createTokenizer(tokenizerJson);
  const counts = new Int32Array(tokenizer.vocabSize);
  for (const text of texts) {
    for (const id of tokenizer.encode(text, { maxTokens: 512 }).ids) counts[id]! += 1;
  }
  return counts;
}

interface KeepInput {
  readonly rule: PruningRule;
  readonly texts: readonly string[];
  /** undefined for a piece of several characters. */
  readonly characterOf: (piece: string) => string | undefined;
  readonly count: (piece: string) => number;
  readonly special: readonly string[];
}

function keptPieces(pieces: readonly string[], { rule, texts, characterOf, count, special }: KeepInput): string[] {
  const { minimumPieceCount: minimum, vocabularySize: size } = rule;
  if (size === undefined) {
    return pieces.filter((piece) => count(piece) >= (minimum ?? 0) || characterOf(piece) !== undefined);
  }
  const characters = charactersOf(texts);
  const spelling = pieces.filter((piece) => characters.has(characterOf(piece) ?? ""));
  const room = size - special.length - spelling.length;
  if (room < 0) {
    throw new AppError(
      "INVALID_INPUT",
      `vocabularySize ${size}: ${special.length + spelling.length} special tokens and single characters alone are more`,
    );
  }
  const spelled = new Set(spelling);
  const others = pieces.filter((piece) => !spelled.has(piece) && count(piece) > 0);
  return [...spelling, ...others.sort((a, b) => count(b) - count(a)).slice(0, room)];
}

/** The characters of ASCII and of the texts, in lower case, with and without their accents. */
function charactersOf(texts: readonly string[]): Set<string> {
  const characters = new Set(Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)));
  for (const text of texts) {
    const lower = text.toLowerCase();
    for (const character of lower) characters.add(character);
    for (const character of lower.normalize("NFD")) characters.add(character);
  }
  return characters;
}

/** Renumbers the ids that a post-processor puts around a text, in both forms in which BERT's tokenizers are saved. */
function renumbered(processor: Record<string, unknown>, idOf: ReadonlyMap<string, number>): Record<string, unknown> {
  const pair = z.tuple([z.string(), z.int()]);
  if (processor.type === "BertProcessing") {
    const renumber = (value: unknown) => {
      const [token] = pair.parse(value);
      return [token, idOf.get(token)!];
    };
    return { ...processor, sep: renumber(processor.sep), cls: renumber(processor.cls) };
  }
  if (processor.type !== "TemplateProcessing") {
    throw new AppError("INVALID_INPUT", `tokenizer.json: post_processor ${processor.type} cannot be renumbered`);
  }
  const tokens = z.record(z.string(), z.looseObject({ tokens: z.array(z.string()) })).parse(processor.special_tokens);
  const renumberedTokens = Object.entries(tokens).map(([name, token]) => [
    name,
    { ...token, ids: token.tokens.map((part) => idOf.get(part)!) },
  ]);
  return { ...processor, special_tokens: Object.fromEntries(renumberedTokens) };
}
