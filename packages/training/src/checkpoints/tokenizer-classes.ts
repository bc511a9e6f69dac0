// Applies the rules of Transformers' tokenizer classes to a tokenizer.json: general classes keep it as it is, a model's
// own class overrides parts of it.

import type { AddedToken } from "./checkpoint-added-tokens.js";
import { contentOf, type Settings } from "./tokenizer-settings.js";

/**
 * The rules by which a tokenizer is read: tokenizer.json's alone, or those of a class, which override tokenizer.json.
 */
export type Kind = "plain" | "wordPiece" | "byteLevel";

/** The classes of Transformers that are computed here; each also has a name with Fast after it. */
const classes: readonly (readonly [Kind, readonly string[]])[] = [
  ["plain", ["TokenizersBackend", "PreTrainedTokenizer"]],
  ["wordPiece", ["BertTokenizer", "MobileBertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"]],
  ["wordPiece", ["ConvBertTokenizer", "LayoutLMTokenizer", "SqueezeBertTokenizer", "LxmertTokenizer"]],
  ["byteLevel", ["RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer"]],
];

/** Throws an Error for a class that is not computed here. */
export function kindOfClass(name: string): Kind {
  const found = classes.find(([, names]) => names.includes(name.replace(/Fast$/, "")));
  if (found !== undefined) return found[0];
  const known = classes.flatMap(([, names]) => names).join(", ");
  throw new Error(`tokenizer_class ${JSON.stringify(name)} is not computed here; only ${known} are`);
}

export function kindOfModel(modelType: string): Kind {
  if (modelType === "roberta") return "byteLevel";
  return modelType === "bert" || modelType === "mobilebert" ? "wordPiece" : "plain";
}

/** The special tokens that a class names by default. */
export const specialDefaults: Readonly<Record<Kind, Settings>> = {
  plain: {},
  wordPiece: {
    unk_token: "[UNK]",
    sep_token: "[SEP]",
    pad_token: "[PAD]",
    cls_token: "[CLS]",
    mask_token: "[MASK]",
  },
  byteLevel: {
    bos_token: "<s>",
    eos_token: "</s>",
    unk_token: "<unk>",
    sep_token: "</s>",
    pad_token: "<pad>",
    cls_token: "<s>",
    mask_token: "<mask>",
  },
};

/** The fields that are read here of a tokenizer.json that createTokenizer accepts. */
export interface TokenizerFields {
  readonly added_tokens: AddedToken[];
  readonly model: Fields & { readonly vocab: Record<string, number> };
  readonly normalizer: Part;
  readonly pre_tokenizer: Part;
  readonly post_processor: Part;
  readonly truncation?: { readonly direction?: string } | null;
}

type Fields = { readonly [name: string]: unknown };
type Part = (Fields & { readonly type: string }) | null;

/**
 * The parts that each kind puts in place of tokenizer.json's own. Each function throws an Error naming a part that
 * the class computes otherwise.
 */
export const obey: Readonly<Record<Kind, (file: TokenizerFields, stated: Settings) => Partial<TokenizerFields>>> = {
  plain: asItIs,
  wordPiece: asWordPiece,
  byteLevel: asByteLevel,
};

/** Builds the parts as BertTokenizer does, from the vocabulary and nothing else of tokenizer.json. */
function asWordPiece(file: TokenizerFields, stated: Settings): Partial<TokenizerFields> {
  const { model, normalizer } = file;
  const others = [
    [Array.isArray(model.merges), "model is not WordPiece"],
    [normalizer?.type !== "BertNormalizer" || normalizer.clean_text !== true, "normalizer does not clean a text"],
    [(model.max_input_chars_per_word ?? 100) !== 100, "model.max_input_chars_per_word is not 100"],
    [model.unk_token !== contentOf(stated.unk_token), `model.unk_token is not ${contentOf(stated.unk_token)}`],
    [hasTypeIds(file), "post_processor gives token types other than 0"],
  ] as const;
  refuseFirst(others, "BertTokenizer");
  return {
    normalizer: withStated(normalizer, {
      lowercase: stated.do_lower_case ?? true,
      handle_chinese_chars: stated.tokenize_chinese_chars ?? true,
      strip_accents: stated.strip_accents ?? null,
    }),
  };
}

function asByteLevel(file: TokenizerFields, stated: Settings): Partial<TokenizerFields> {
  const { normalizer, pre_tokenizer: part } = file;
  const others = [
    [normalizer !== null, "normalizer is not null"],
    [part?.type !== "ByteLevel" || part.use_regex === false, "pre_tokenizer does not split a text into words"],
  ] as const;
  refuseFirst(others, "RobertaTokenizer");
  return { pre_tokenizer: withStated(part, { add_prefix_space: stated.add_prefix_space ?? false }) };
}

function refuseFirst(others: readonly (readonly [boolean, string])[], name: string): void {
  const found = others.find(([isOther]) => isOther);
  if (found === undefined) return;
  throw new Error(
    `the ${found[1]} in tokenizer.json, and Transformers' ${name} does otherwise; state tokenizer_class PreTrainedTokenizerFast in tokenizer_config.json to have tokenizer.json alone`,
  );
}

/** Returns `part` itself if it has all of these values already. */
function withStated(part: Part, values: Fields): Part {
  if (part === null) return part;
  const stated = Object.entries(values).filter(([name, value]) => value !== (part[name] ?? null));
  return stated.length === 0 ? part : { ...part, ...Object.fromEntries(stated) };
}

function asItIs(file: TokenizerFields, settings: Settings): Partial<TokenizerFields> {
  const { pre_tokenizer: part } = file;
  const isTyped = settings.model_input_names?.includes("token_type_ids") ?? true;
  if (isTyped && hasTypeIds(file)) {
    throw new Error(
      "the post_processor in tokenizer.json gives token types other than 0; only type 0 is computed here",
    );
  }
  const prefix = settings.add_prefix_space;
  if (part?.type === "ByteLevel" && prefix !== undefined && prefix !== part.add_prefix_space) {
    throw new Error(
      `add_prefix_space is ${prefix}, and ${part.add_prefix_space} in tokenizer.json; save the tokenizer again`,
    );
  }
  return {};
}

function hasTypeIds({ post_processor: part }: TokenizerFields): boolean {
  if (part?.type !== "TemplateProcessing" || !Array.isArray(part.single)) return false;
  return part.single.some((piece: Record<string, { type_id?: number }>) =>
    Object.values(piece).some(({ type_id: type }) => (type ?? 0) !== 0),
  );
}
