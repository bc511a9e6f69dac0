// Turns text into token ids as Hugging Face's tokenizers do by the same tokenizer.json: added tokens, model,
// special tokens, truncation, padding.

import { MlError } from "../error.js";
import { createSectionWalk, type Sections } from "./added-tokens.js";
import { createNormalizer } from "./bert-words.js";
import { createBytePairs } from "./byte-pairs.js";
import { readTokenizerFile, type TokenizerFile } from "./tokenizer-file.js";
import { createWordPiece, type IdSink, type TokenizerModel } from "./word-piece.js";

interface Encoding {
  readonly ids: Int32Array;
  /** 1 = real, 0 = padding; it is as long as ids. */
  readonly attentionMask: Uint8Array;
}

interface EncodeOptions {
  /**
   * The longest encoding, special tokens included; default 32. Longer texts lose their end, never
   * the closing special token.
   */
  readonly maxTokens?: number;
  /** Pads to maxTokens. Default false: the encoding has the text's true length. */
  readonly pad?: boolean;
}

export interface Tokenizer {
  /** Any string encodes. Empty text gives the special tokens alone, and lone surrogates are ignored. */
  encode(text: string, options?: EncodeOptions): Encoding;
  /** One more than the largest id. An encoder's vocabulary must be at least as large. */
  readonly vocabSize: number;
  /** Ids of the special tokens that open every encoding, and of the special tokens that close it. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /**
   * Ids that are no piece of a word: the special tokens, and all other tokens that are searched for
   * before words are cut.
   */
  readonly addedIds: ReadonlySet<number>;
}

const defaultMaxTokens = 32;

/**
 * Makes a tokenizer from the text or the bytes of a tokenizer.json. Throws `malformed` or
 * `unsupported`, naming the part.
 */
export function createTokenizer(tokenizerJson: string | Uint8Array): Tokenizer {
  const file = readTokenizerFile(tokenizerJson);
  const addIds = createTextEncoder(file);
  const { before, after, padId, vocabSize } = file;
  const specials = before.length + after.length;

  /** The ids of the text alone, at most `room` of them. */
  function contentIds(text: string, room: number): number[] {
    const ids: number[] = [];
    const push = (id: number): boolean => {
      if (ids.length < room) ids.push(id);
      return ids.length < room;
    };
    addIds(text, { push });
    return ids;
  }

  function encode(text: string, { maxTokens = defaultMaxTokens, pad = false }: EncodeOptions = {}): Encoding {
    if (!Number.isSafeInteger(maxTokens) || maxTokens <= specials) {
      throw new MlError("out-of-range", `maxTokens ${maxTokens} leaves no room beside ${specials} special tokens`);
    }
    if (pad && padId === undefined) {
      throw new MlError("unsupported", "This tokenizer has no padding token; encode at true length");
    }
    const content = contentIds(surrogate.test(text) ? text.replace(loneSurrogate, "") : text, maxTokens - specials);
    const length = specials + content.length;
    const ids = new Int32Array(pad ? maxTokens : length).fill(padId ?? 0, length);
    ids.set(before);
    ids.set(content, before.length);
    ids.set(after, before.length + content.length);
    return { ids, attentionMask: new Uint8Array(ids.length).fill(1, 0, length) };
  }

  return { encode, vocabSize, before, after, addedIds: new Set(file.addedTokens.map(({ id }) => id)) };
}

/**
 * Finds added tokens first and encodes the text between them. Added tokens that are searched for in normalized text
 * come after the other added tokens.
 */
function createTextEncoder(file: TokenizerFile): (text: string, sink: IdSink) => void {
  const encodes = file.model.type === "WordPiece" ? createWordPiece : createBytePairs;
  const model = encodes(file);
  const walk = createSectionWalk(file.addedTokens.filter(({ normalized }) => !normalized));
  const inNormalized = file.addedTokens.filter(({ normalized }) => normalized);
  if (inNormalized.length === 0) return (text, sink) => walk(text, sectionsOf(model, text, sink));

  const normalize = createNormalizer(file.normalizer);
  const ofNormalized = encodes({ ...file, normalizer: null });
  const walkNormalized = createSectionWalk(
    inNormalized.map((token) => ({ ...token, content: normalize(token.content) })),
  );
  return (text, sink) => {
    walk(text, {
      text(from, to) {
        const section = normalize(text.slice(from, to));
        walkNormalized(section, sectionsOf(ofNormalized, section, sink));
      },
      token: sink.push,
    });
  };
}

function sectionsOf(model: TokenizerModel, text: string, sink: IdSink): Sections {
  return { text: (from, to) => model(text, { from, to }, sink), token: sink.push };
}

const surrogate = /[\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/gu;

/**
 * Makes a BERT tokenizer.json from the lines of vocab.txt, as Transformers' BertTokenizerFast writes it: the later of
 * two equal entries counts.
 * Throws `malformed` if a special token that encodings need is missing, naming the token.
 */
export function wordPieceTokenizerJson(vocab: readonly string[], options: { readonly lowercase: boolean }): string {
  const ids = new Map(vocab.map((token, id) => [token, id]));
  const missing = ["[UNK]", "[CLS]", "[SEP]"].find((content) => !ids.has(content));
  if (missing !== undefined) throw new MlError("malformed", `The vocabulary lacks the special token ${missing}`);
  const addedTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].flatMap((content) => {
    const id = ids.get(content);
    const settings = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    return id === undefined ? [] : [{ id, content, ...settings }];
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
