// Text to token ids, as Hugging Face's tokenizers do it: their library reads tokenizer.json; this adds truncation, padding and checks.
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { MlError } from "../error.js";

export interface Encoding {
  readonly ids: Int32Array;
  /** 1 = real, 0 = padding; as long as ids. */
  readonly attentionMask: Uint8Array;
}

export interface EncodeOptions {
  /** Longest encoding, special tokens included; default 32. Longer texts lose their end, never the closing special token. */
  readonly maxTokens?: number;
  /** Pad to maxTokens; default false: the text's true length. */
  readonly pad?: boolean;
}

export interface Tokenizer {
  /** Any string encodes: empty text to the special tokens alone, lone surrogates as if they were not there. */
  encode(text: string, options?: EncodeOptions): Encoding;
  /** One more than the largest id: an encoder's vocabulary must be at least this large. */
  readonly vocabSize: number;
  /** The tokenizer.json it was made from: what a digest of this tokenizer is taken over. */
  readonly digestSource: string;
}

export const defaultMaxTokens = 32;

/** A tokenizer from the text of a tokenizer.json. Throws `malformed` or `unsupported`, naming the part. */
export function createTokenizer(tokenizerJson: string): Tokenizer {
  const { library, vocabSize, lowercasesAsBert, isolatesCjk } = openLibrary(tokenizerJson);
  const { before, after } = specialTokens(library);
  const padId = library.token_to_id("[PAD]") ?? library.token_to_id("<pad>");

  function encode(text: string, { maxTokens = defaultMaxTokens, pad = false }: EncodeOptions = {}): Encoding {
    if (!Number.isSafeInteger(maxTokens) || maxTokens <= before + after) {
      throw new MlError(
        "out-of-range",
        `maxTokens ${maxTokens} leaves no room beside ${before + after} special tokens`,
      );
    }
    if (pad && padId === undefined) {
      throw new MlError("unsupported", "This tokenizer has no padding token; encode at true length");
    }
    let prepared = text.replaceAll(loneSurrogate, "");
    if (lowercasesAsBert) prepared = prepared.replaceAll("Σ", "σ");
    if (isolatesCjk) prepared = prepared.replace(astralCjk, " $& ");
    const all = library.encode(prepared).ids;
    const length = Math.min(all.length, maxTokens);
    const ids = new Int32Array(pad ? maxTokens : length).fill(padId ?? 0, length);
    const attentionMask = new Uint8Array(ids.length).fill(1, 0, length);
    for (let i = 0; i < length; i++) {
      // The last `after` places always hold the closing special tokens.
      ids[i] = all[i < length - after ? i : all.length - (length - i)]!;
    }
    return { ids, attentionMask };
  }

  return { encode, vocabSize, digestSource: tokenizerJson };
}

/**
 * A BERT tokenizer.json from the lines of vocab.txt, as Transformers' BertTokenizerFast writes it.
 * Throws `malformed` for a repeated or empty entry or a missing special token, naming it.
 */
export function wordPieceTokenizerJson(vocab: readonly string[], options: { readonly lowercase: boolean }): string {
  const ids = new Map<string, number>();
  for (const [id, token] of vocab.entries()) {
    if (token === "" || ids.has(token)) {
      throw new MlError(
        "malformed",
        `Vocabulary line ${id + 1}: ${token === "" ? "empty" : `"${token}" appears twice`}`,
      );
    }
    ids.set(token, id);
  }
  const addedTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((content) => {
    const id = ids.get(content);
    if (id === undefined) {
      throw new MlError("malformed", `The vocabulary lacks the special token ${content}`);
    }
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  });
  const special = (content: string) => ({ id: content, ids: [ids.get(content)], tokens: [content] });
  const [cls, sep] = ["[CLS]", "[SEP]"].map((id) => ({ SpecialToken: { id, type_id: 0 } }));
  const [a, b] = [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }];
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens.toSorted((x, y) => x.id - y.id),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: options.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [cls, a, sep],
      pair: [cls, a, sep, b, { SpecialToken: { id: "[SEP]", type_id: 1 } }],
      special_tokens: { "[CLS]": special("[CLS]"), "[SEP]": special("[SEP]") },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  });
}

/**
 * Where the JavaScript library differs from the reference (in Rust), the text is prepared so that both agree:
 * - it walks UTF-16 units when it puts spaces around CJK ideographs, and so misses those beyond U+FFFF: isolated here, in
 *   the reference's ranges (its gap from U+2B820 to U+2B91F included);
 * - JavaScript lower-cases a word's last sigma to its final form, the reference every sigma to the same.
 */
const astralCjk = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

const loneSurrogate = /\p{Surrogate}/gu;

/** What is used of the library, whose own type declarations do not resolve under `nodenext`. */
interface HubTokenizer {
  encode(text: string, options?: { add_special_tokens?: boolean }): { ids: number[] };
  token_to_id(token: string): number | undefined;
}

interface OpenedLibrary {
  readonly library: HubTokenizer;
  readonly vocabSize: number;
  readonly lowercasesAsBert: boolean;
  readonly isolatesCjk: boolean;
}

function openLibrary(tokenizerJson: string): OpenedLibrary {
  let json: unknown;
  try {
    json = JSON.parse(tokenizerJson);
  } catch (cause) {
    throw new MlError("malformed", "tokenizer.json is not JSON", { cause });
  }
  if (!isRecord(json)) {
    throw new MlError("malformed", "tokenizer.json is not a JSON object");
  }
  nameModelType(json);
  const vocabSize = vocabularySize(json);
  const { normalizer } = json;
  const bertNormalizer = isRecord(normalizer) && normalizer.type === "BertNormalizer" ? normalizer : undefined;
  try {
    return {
      library: new LibraryTokenizer(json, {}) as HubTokenizer,
      vocabSize,
      lowercasesAsBert: bertNormalizer?.lowercase === true,
      isolatesCjk: bertNormalizer?.handle_chinese_chars === true,
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "not readable";
    throw new MlError("malformed", `tokenizer.json: ${reason}`, { cause });
  }
}

/** The first tokenizer.json files, roberta-base's own among them, do not say of what type their model is. */
function nameModelType({ model }: Record<string, unknown>): void {
  if (!isRecord(model) || model.type !== undefined) return;
  if (Array.isArray(model.merges)) model.type = "BPE";
  else if (typeof model.max_input_chars_per_word === "number") model.type = "WordPiece";
}

/** Far above any real vocabulary; the library allocates up to the largest id. */
const largestId = 10_000_000;

function vocabularySize({ model, added_tokens: added }: Record<string, unknown>): number {
  const type = isRecord(model) ? model.type : undefined;
  if (!isRecord(model) || (type !== "WordPiece" && type !== "BPE")) {
    throw new MlError("unsupported", `tokenizer.json: model.type ${JSON.stringify(type)} is not one of WordPiece, BPE`);
  }
  if (!isRecord(model.vocab)) {
    throw new MlError("malformed", "tokenizer.json: model.vocab is not an object");
  }
  if (!Array.isArray(added) || !added.every(isRecord)) {
    throw new MlError("malformed", "tokenizer.json: added_tokens is not a list of objects");
  }
  if (type === "WordPiece" && !Object.hasOwn(model.vocab, String(model.unk_token))) {
    throw new MlError(
      "malformed",
      `tokenizer.json: model.unk_token ${JSON.stringify(model.unk_token)} is not in model.vocab`,
    );
  }
  let largest = -1;
  for (const [token, id] of [...Object.entries(model.vocab), ...added.map(({ content, id }) => [content, id])]) {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0 || id > largestId) {
      throw new MlError(
        "malformed",
        `tokenizer.json: the id of "${token}" is not a whole number from 0 to ${largestId}`,
      );
    }
    largest = Math.max(largest, id);
  }
  return largest + 1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How many special tokens the post-processor puts before and after a text, found by encoding one with and without them. */
function specialTokens(library: HubTokenizer): { before: number; after: number } {
  const content = library.encode("a", { add_special_tokens: false }).ids;
  const all = library.encode("a").ids;
  const extra = all.length - content.length;
  for (let before = 0; before <= extra; before++) {
    if (content.every((id, i) => Number.isSafeInteger(id) && all[before + i] === id)) {
      return { before, after: extra - before };
    }
  }
  throw new MlError(
    "malformed",
    "tokenizer.json: the model has no token for unknown text, or the post-processor reorders tokens",
  );
}
