// Opens a feature extractor from a folder: a run, an imported checkpoint or a frozen extractor.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import type { Engine } from "@attune/ml/engine/engine";
import { createFeatureExtractor, type FeatureExtractor } from "@attune/ml/features/extractor";
import { type FeatureSettings, parseFeatureSettings } from "@attune/ml/features/settings";
import { parseSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";

export interface ExtractorFolder extends FeatureSettings {
  readonly configJson: string;
  readonly tokenizerJson: string;
  readonly model: TensorFile;
  readonly config: EncoderConfig;
}

/** Throws INVALID_EXTRACTOR, naming the file. */
export function readExtractorFolder(directory: string): ExtractorFolder {
  const read = <T>(name: string, parse: (bytes: Buffer) => T): T => {
    try {
      return parse(readFileSync(join(directory, name)));
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? " is missing" : `: ${(cause as Error).message}`;
      throw new AppError("INVALID_EXTRACTOR", `${join(directory, name)}${why}`, { cause });
    }
  };
  const configJson = read("config.json", String);
  const config = read("config.json", () => parseEncoderConfig(configJson));
  const settings = read("config.json", () => parseFeatureSettings(configJson));
  const tokenizerJson = read("tokenizer.json", String);
  const model = read("model.safetensors", (bytes) => parseSafetensors(new Uint8Array(bytes)));
  return { configJson, tokenizerJson, model, config, ...settings };
}

/**
 * Computes features before the DR. `model` replaces the folder's own: the same extractor quantized, or random weights.
 */
export function openExtractor(engine: Engine, folder: ExtractorFolder, model = folder.model): FeatureExtractor {
  return createFeatureExtractor({
    tokenizer: createTokenizer(folder.tokenizerJson),
    encoder: engine.createEncoder(folder.config, model),
    pooling: folder.pooling,
    maxTokens: folder.maxTokens,
    identity: "before the DR",
  });
}

/** Progress while many texts are read. */
export interface ExtractionProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}
