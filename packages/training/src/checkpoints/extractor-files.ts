// A feature extractor opened from a folder: a run, an imported checkpoint or a frozen one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import { type Pooling, poolings } from "@attune/ml/encoder/pooling";
import type { Engine } from "@attune/ml/engine/engine";
import { createFeatureExtractor, type FeatureExtractor } from "@attune/ml/features/extractor";
import { parseSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

const settingsSchema = z.looseObject({
  attune: z.looseObject({ pooling: z.enum(poolings), maxTokens: z.int().min(3).max(512) }),
});

export interface ExtractorFolder {
  readonly configJson: string;
  readonly tokenizerJson: string;
  readonly model: TensorFile;
  readonly config: EncoderConfig;
  readonly pooling: Pooling;
  readonly maxTokens: number;
}

/** Throws INVALID_EXTRACTOR, naming the file. */
export function readExtractorFolder(directory: string): ExtractorFolder {
  const read = <T>(name: string, parse: (bytes: Buffer) => T): T => {
    try {
      return parse(readFileSync(join(directory, name)));
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "is missing" : (cause as Error).message;
      throw new AppError("INVALID_EXTRACTOR", `${join(directory, name)}: ${why}`, { cause });
    }
  };
  const configJson = read("config.json", String);
  const config = read("config.json", () => parseEncoderConfig(configJson));
  const { attune } = read("config.json", () => settingsSchema.parse(JSON.parse(configJson)));
  const tokenizerJson = read("tokenizer.json", String);
  const model = read("model.safetensors", (bytes) => parseSafetensors(new Uint8Array(bytes)));
  return { configJson, tokenizerJson, model, config, pooling: attune.pooling, maxTokens: attune.maxTokens };
}

/** Features before the DR. `model`, where it is not the folder's own: the same extractor quantized, or one with random weights. */
export function openExtractor(engine: Engine, folder: ExtractorFolder, model = folder.model): FeatureExtractor {
  return createFeatureExtractor({
    tokenizer: createTokenizer(folder.tokenizerJson),
    encoder: engine.createEncoder(folder.config, model),
    pooling: folder.pooling,
    maxTokens: folder.maxTokens,
    identity: "before the DR",
  });
}

/** Of reading many texts. */
export interface ExtractionProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}
