// Makes a tokenizer.json of RoBERTa's kind from vocab.json and merges.txt, for checkpoints that carry
// only these two files.

import { MlError } from "../error.js";

interface ByteLevelBpeFiles {
  /** The text of vocab.json: token → id. */
  readonly vocabJson: string;
  /** The text of merges.txt: two tokens in each line, the most frequent pair first. */
  readonly mergesText: string;
}

/**
 * RoBERTa's special tokens in the order of their uses: before a text, for padding, after a text, for the unknown,
 * and as the mask.
 */
const specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] as const;

/**
 * Writes the file as Transformers' RobertaTokenizerFast does and as roberta-base publishes it: `<s>` text `</s>`.
 * The `<mask>` token takes the space before it. Throws `malformed`, naming the file and the token or line.
 */
export function byteLevelBpeTokenizerJson({ vocabJson, mergesText }: ByteLevelBpeFiles): string {
  const vocab = readVocab(vocabJson);
  const merges = readMerges(mergesText, vocab);
  const id = (token: string): number => {
    const found = vocab.get(token);
    if (found === undefined) throw new MlError("malformed", `vocab.json lacks the special token ${token}`);
    return found;
  };
  const addedTokens = specials
    .filter((content) => vocab.has(content))
    .map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: content === "<mask>",
      rstrip: false,
      normalized: false,
      special: true,
    }));
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens.toSorted((x, y) => x.id - y.id),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "RobertaProcessing",
      sep: ["</s>", id("</s>")],
      cls: ["<s>", id("<s>")],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocab),
      merges,
    },
  });
}

function readVocab(json: string): Map<string, number> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new MlError("malformed", "vocab.json is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MlError("malformed", "vocab.json is not a JSON object");
  }
  const ids = new Map<string, number>();
  const tokens = new Map<number, string>();
  for (const [token, id] of Object.entries(value)) {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
      throw new MlError("malformed", `vocab.json: the id of "${token}" is not a whole, non-negative number`);
    }
    if (tokens.has(id)) {
      throw new MlError("malformed", `vocab.json: "${tokens.get(id)}" and "${token}" both have the id ${id}`);
    }
    ids.set(token, id);
    tokens.set(id, token);
  }
  for (const letter of byteLetters()) {
    if (!ids.has(letter)) throw new MlError("malformed", `vocab.json lacks "${letter}", which stands for a byte`);
  }
  return ids;
}

function readMerges(text: string, vocab: ReadonlyMap<string, number>): string[] {
  const lines = text.split(/\r?\n/);
  // Only the first line is a comment; "# #" further down is a merge.
  const first = lines[0]?.startsWith("#version") ? 1 : 0;
  const merges: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (i < first || line === "") continue;
    const parts = line.split(" ");
    if (parts.length !== 2 || parts.includes("")) {
      throw new MlError("malformed", `merges.txt line ${i + 1}: not two tokens with a space between them`);
    }
    for (const token of [...parts, parts.join("")]) {
      if (!vocab.has(token)) {
        throw new MlError("malformed", `merges.txt line ${i + 1}: "${token}" is not in vocab.json`);
      }
    }
    merges.push(line);
  }
  return merges;
}

/**
 * The printable letter of each byte (Radford et al. 2019, GPT-2's encoder.py): the byte itself where it is printable,
 * else a letter from U+0100 on.
 */
export function byteLetters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}
