// The tokenizer.json of a checkpoint: its own, or made of the older vocab.txt, or vocab.json with merges.txt.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { byteLevelBpeTokenizerJson } from "@attune/ml/tokenizer/byte-level-bpe";
import { wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { inFile } from "./checkpoint-weights.js";

/** All that may be of use, tokenizer_config.json included. */
export const tokenizerFileNames = [
  "tokenizer.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "tokenizer_config.json",
] as const;

/** Throws INVALID_CHECKPOINT naming the file and what is wrong with it. */
export function readTokenizerJson(folder: string): string {
  const has = (name: (typeof tokenizerFileNames)[number]) => existsSync(join(folder, name));
  const read = (name: (typeof tokenizerFileNames)[number]) =>
    inFile(join(folder, name), () =>
      new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(join(folder, name))),
    );
  if (has("tokenizer.json")) return read("tokenizer.json");
  if (has("vocab.txt")) {
    const { lowercase } = readSettings(folder, has("tokenizer_config.json") ? read("tokenizer_config.json") : "{}");
    return inFile(join(folder, "vocab.txt"), () => wordPieceTokenizerJson(linesOf(read("vocab.txt")), { lowercase }));
  }
  if (has("vocab.json") && has("merges.txt")) {
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

const settingsSchema = z.looseObject({
  do_lower_case: z.boolean().default(true),
  strip_accents: z.boolean().nullish(),
  tokenize_chinese_chars: z.boolean().default(true),
});

/** Of tokenizer_config.json, with Hugging Face's defaults; settings that only a tokenizer.json can express are refused. */
function readSettings(folder: string, json: string): { lowercase: boolean } {
  const path = join(folder, "tokenizer_config.json");
  const settings = inFile(path, () => {
    const parsed = settingsSchema.safeParse(JSON.parse(json));
    if (!parsed.success) throw new Error(`${parsed.error.issues[0]?.path.join(".")} is not true or false`);
    return parsed.data;
  });
  const { do_lower_case: lowercase, strip_accents: strip, tokenize_chinese_chars: isolate } = settings;
  if (!isolate || (typeof strip === "boolean" && strip !== lowercase)) {
    const what = isolate ? "strip_accents" : "tokenize_chinese_chars";
    throw new AppError("INVALID_CHECKPOINT", `${path}: ${what} is set; save the tokenizer as tokenizer.json first`);
  }
  return { lowercase };
}
