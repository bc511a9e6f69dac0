// Opens a feature extractor from its files' bytes, which a daemon reads from its disk and a browser's
// worker from the network.

import { parseEncoderConfig } from "../encoder/config.js";
import type { Engine } from "../engine/engine.js";
import { inFile } from "../error.js";
import { type ByteSource, openSafetensors, parseSafetensors, type TensorFile } from "../tensor/safetensors.js";
import { createTokenizer } from "../tokenizer/tokenizer.js";
import { loadDimensionalityReduction } from "./dimensionality-reduction.js";
import { createFeatureExtractor, type FeatureExtractor } from "./extractor.js";
import type { FeatureSettings } from "./settings.js";

export interface ExtractorFiles {
  /** config.json, in UTF-8. */
  readonly config: Uint8Array;
  /**
   * model.safetensors. From a source, an engine with kernels of its own holds no more than a few rows
   * beside the kernels' memory.
   */
  readonly model: Uint8Array | ByteSource;
  /** tokenizer.json, in UTF-8. */
  readonly tokenizer: Uint8Array;
  /** dr.safetensors. */
  readonly reduction: Uint8Array;
}

export interface ExtractorSettings extends FeatureSettings {
  readonly identity: string;
}

/** Throws MlError naming the file, and its part that is malformed, unsupported or does not fit the other files. */
export function openFeatureExtractor(
  engine: Engine,
  { config, model, tokenizer, reduction }: ExtractorFiles,
  settings: ExtractorSettings,
): FeatureExtractor {
  const encoderConfig = inFile("config.json", () => parseEncoderConfig(textOf(config)));
  return createFeatureExtractor({
    ...settings,
    encoder: inFile("model.safetensors", () => engine.createEncoder(encoderConfig, openTensors(model))),
    reduction: inFile("dr.safetensors", () => loadDimensionalityReduction(parseSafetensors(reduction))),
    tokenizer: inFile("tokenizer.json", () => createTokenizer(tokenizer)),
  });
}

export function openTensors(file: Uint8Array | ByteSource): TensorFile {
  return file instanceof Uint8Array ? parseSafetensors(file) : openSafetensors(file);
}

/**
 * Invented sentences, short and long, in ASCII and beyond. Predicting them a few times warms up the code that a
 * prediction needs: kernels in WebAssembly, the tokenizer's tables for Unicode. The host has then compiled this code
 * before the first real sentence.
 */
export const warmUpTexts: readonly string[] = [
  "How are you today?",
  "No\u2026 I don\u2019t think so!",
  "Caf\u00e9 na\u00efve, d\u00e9j\u00e0 vu: we said we would meet there, and then nobody came but me and the rain \u{1f600}",
];
export const warmUpRounds = 3;

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
