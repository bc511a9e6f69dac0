// Reads the settings of a tokenizer from tokenizer_config.json and special_tokens_map.json, as
// Hugging Face writes them.

import { parsePythonJson } from "@attune/ml/json";
import { z } from "zod";
import { type NamedToken, tokenSchema } from "./checkpoint-added-tokens.js";

const settingsSchema = z.looseObject({
  tokenizer_class: z.string().nullish(),
  do_lower_case: z.boolean().optional(),
  tokenize_chinese_chars: z.boolean().optional(),
  strip_accents: z.boolean().nullish(),
  add_prefix_space: z.boolean().optional(),
  model_input_names: z.array(z.string()).optional(),
  truncation_side: z.string().optional(),
  split_special_tokens: z.boolean().optional(),
  added_tokens_decoder: z.record(z.string(), tokenSchema).optional(),
  additional_special_tokens: z.array(tokenSchema).nullish(),
  extra_special_tokens: z.union([z.array(tokenSchema), z.record(z.string(), tokenSchema)]).nullish(),
  bos_token: tokenSchema.nullish(),
  eos_token: tokenSchema.nullish(),
  unk_token: tokenSchema.nullish(),
  sep_token: tokenSchema.nullish(),
  pad_token: tokenSchema.nullish(),
  cls_token: tokenSchema.nullish(),
  mask_token: tokenSchema.nullish(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** Throws an Error naming the field. */
export function readSettings(json: string): Settings {
  const parsed = settingsSchema.safeParse(objectOf(json));
  if (!parsed.success) throw new Error(`${parsed.error.issues[0]?.path.join(".")} is not as Hugging Face writes it`);
  const { data } = parsed;
  if (data.auto_map !== undefined) throw new Error("auto_map names code of the publisher's own, which is not run here");
  if (data.split_special_tokens === true) {
    throw new Error("split_special_tokens is true; special tokens in a text are kept whole here");
  }
  if (data.truncation_side === "left") throw new Error('truncation_side is "left"; longer texts lose their end here');
  return data;
}

/**
 * The special tokens in Transformers' order: the roles of every class, the roles of this tokenizer's own,
 * tokens without a role.
 */
export function specialTokens(stated: Settings): NamedToken[] {
  const { bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token, ...others } = stated;
  const roles = [bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token];
  const own = Object.entries(others).filter(([name, value]) => name.endsWith("_token") && typeof value === "string");
  const rest = Object.values(stated.extra_special_tokens ?? stated.additional_special_tokens ?? {});
  return [...roles, ...own.map(([, token]) => token as string), ...rest].filter(
    (token) => token !== undefined && token !== null,
  );
}

export function contentOf(token: NamedToken | null | undefined): string {
  return typeof token === "string" ? token : String(token?.content);
}

/** added_tokens.json: token → id. Throws an Error naming the token. */
export function readNumberedTokens(json: string): Record<string, number> {
  const numbered = objectOf(json);
  for (const [token, id] of Object.entries(numbered)) {
    if (!Number.isSafeInteger(id) || id < 0)
      throw new Error(`the id of ${JSON.stringify(token)} is not a whole number`);
  }
  return numbered as Record<string, number>;
}

function objectOf(json: string): object {
  const value = parsePythonJson(json);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("the content is not a JSON object");
  return value;
}
