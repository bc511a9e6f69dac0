// The tokenizer.json of a checkpoint: its own, or made of the older vocab.txt, or vocab.json with merges.txt; and in both cases as
// tokenizer_config.json asks for.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { byteLevelBpeTokenizerJson } from "@attune/ml/tokenizer/byte-level-bpe";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { inFile, readText } from "./checkpoint-weights.js";

/** All that may be of use, what says how to use it included. */
export const tokenizerFileNames = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
  "added_tokens.json",
] as const;

type FileName = (typeof tokenizerFileNames)[number];

/** Throws INVALID_CHECKPOINT naming the file and what is wrong with it. */
export function readTokenizerJson(folder: string): string {
  const has = (name: FileName) => existsSync(join(folder, name));
  const within = <T>(name: FileName, use: (text: string) => T): T =>
    inFile(join(folder, name), () => use(readText(join(folder, name))));
  const tokenizerJson = has("tokenizer.json") ? within("tokenizer.json", checked) : makeTokenizerJson(folder);
  if (has("added_tokens.json")) {
    within("added_tokens.json", (text) => refuseUnknownTokens(tokenizerJson, Object.keys(objectOf(text))));
  }
  if (!has("tokenizer_config.json")) return tokenizerJson;
  return within("tokenizer_config.json", (text) => {
    const settings = readSettings(text);
    const isIgnored = has("tokenizer.json") && plainClasses.includes(settings.tokenizer_class ?? "");
    return isIgnored ? tokenizerJson : obeySettings(tokenizerJson, settings);
  });
}

/** So that what is looked at below is there. */
function checked(tokenizerJson: string): string {
  createTokenizer(tokenizerJson);
  return tokenizerJson;
}

function makeTokenizerJson(folder: string): string {
  const path = (name: FileName) => join(folder, name);
  const read = (name: FileName) => inFile(path(name), () => readText(path(name)));
  if (existsSync(path("vocab.txt"))) {
    const lines = linesOf(read("vocab.txt"));
    return inFile(path("vocab.txt"), () => wordPieceTokenizerJson(lines, { lowercase: true }));
  }
  if (existsSync(path("vocab.json")) && existsSync(path("merges.txt"))) {
    const files = { vocabJson: read("vocab.json"), mergesText: read("merges.txt") };
    return inFile(folder, () => byteLevelBpeTokenizerJson(files));
  }
  throw new AppError(
    "INVALID_CHECKPOINT",
    `${folder}: holds neither tokenizer.json nor vocab.txt nor vocab.json with merges.txt`,
  );
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** A token as such, or with its settings beside it. */
const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)]);

const settingsSchema = z.looseObject({
  tokenizer_class: z.string().nullish(),
  do_lower_case: z.boolean().optional(),
  tokenize_chinese_chars: z.boolean().optional(),
  strip_accents: z.boolean().nullish(),
  add_prefix_space: z.boolean().optional(),
  cls_token: tokenSchema.nullish(),
  sep_token: tokenSchema.nullish(),
  added_tokens_decoder: z.record(z.string(), tokenSchema).default({}),
});
type Settings = z.infer<typeof settingsSchema>;

/** Throws an Error naming the field. */
function readSettings(json: string): Settings {
  const parsed = settingsSchema.safeParse(objectOf(json));
  if (!parsed.success) throw new Error(`${parsed.error.issues[0]?.path.join(".")} is not as Hugging Face writes it`);
  return parsed.data;
}

/** These read tokenizer.json alone, whatever stands beside it. */
const plainClasses = ["PreTrainedTokenizerFast", "TokenizersBackend"];

/** What is looked at here of a tokenizer.json that createTokenizer reads. */
interface TokenizerFields {
  readonly added_tokens: { readonly content: string; readonly id: number }[];
  readonly model: { readonly vocab: Record<string, number> };
  readonly normalizer: Part;
  readonly pre_tokenizer: Part;
}

type Part = { readonly type: string; readonly [name: string]: unknown } | null;

/**
 * What a tokenizer_config.json states counts before what tokenizer.json says, as with Hugging Face's classes for these models; where it
 * states nothing, tokenizer.json stays as it is. Throws an Error naming a token that would have to be another.
 */
function obeySettings(tokenizerJson: string, settings: Settings): string {
  const file = JSON.parse(tokenizerJson) as TokenizerFields;
  const { added_tokens: added, model } = file;
  refuseUnknownTokens(tokenizerJson, Object.values(settings.added_tokens_decoder));
  const idOf = (token: string) => added.find(({ content }) => content === token)?.id ?? model.vocab[token];
  const around = createTokenizer(tokenizerJson).encode("").ids;
  for (const [name, id] of [
    ["cls_token", around[0]],
    ["sep_token", around.at(-1)],
  ] as const) {
    const token = settings[name];
    if (typeof token === "string" && idOf(token) !== id) {
      throw new Error(
        `${name} ${JSON.stringify(token)} is not what the tokenizer's other files put around a text; save it again`,
      );
    }
  }
  const normalizer = withStated(file.normalizer, "BertNormalizer", {
    lowercase: settings.do_lower_case,
    handle_chinese_chars: settings.tokenize_chinese_chars,
    strip_accents: settings.strip_accents,
  });
  const preTokenizer = withStated(file.pre_tokenizer, "ByteLevel", { add_prefix_space: settings.add_prefix_space });
  if (normalizer === file.normalizer && preTokenizer === file.pre_tokenizer) return tokenizerJson;
  return JSON.stringify({ ...file, normalizer, pre_tokenizer: preTokenizer });
}

/** The part itself where it says all of this already. */
function withStated(part: Part, type: string, values: Record<string, unknown>): Part {
  if (part?.type !== type) return part;
  const stated = Object.entries(values).filter(([name, value]) => value !== undefined && value !== part[name]);
  return stated.length === 0 ? part : { ...part, ...Object.fromEntries(stated) };
}

/** An added token is found before words are split; one that tokenizer.json, given or made, does not list would be passed over. */
function refuseUnknownTokens(tokenizerJson: string, tokens: readonly string[]): void {
  const { added_tokens: added } = JSON.parse(tokenizerJson) as TokenizerFields;
  const known = new Set(added.map(({ content }) => content));
  const unknown = tokens.find((token) => !known.has(token));
  if (unknown !== undefined) {
    throw new Error(
      `the added token ${JSON.stringify(unknown)} is not in the tokenizer's other files; save it as tokenizer.json`,
    );
  }
}

function objectOf(json: string): object {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("is not a JSON object");
  return value;
}
