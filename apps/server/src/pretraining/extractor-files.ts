// A feature extractor opened from a folder (a run or a frozen one), and its features for many texts at once.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type EncoderConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import { type Pooling, pooledSize, poolings } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createFeatureExtractor, type FeatureExtractor } from "@attune/ml/features/extractor";
import { dequantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix, type Matrix, row } from "@attune/ml/tensor/matrix";
import { getFloat32, parseSafetensors, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Tf } from "./backend.js";
import { checkParity } from "./export.js";
import { createVariables, forEachBatch, forwardFeatures } from "./inference.js";
import { createParameter } from "./optimizer.js";

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

/** `model` other than the folder's: the same extractor quantized, or random. Features before the DR. */
export function openExtractor(folder: ExtractorFolder, { identity, model }: OpenOptions): FeatureExtractor {
  return createFeatureExtractor({
    tokenizer: createTokenizer(folder.tokenizerJson),
    encoder: referenceEngine.createEncoder(folder.config, model ?? folder.model),
    pooling: folder.pooling,
    maxTokens: folder.maxTokens,
    identity,
  });
}

export interface OpenOptions {
  readonly identity: string;
  readonly model?: TensorFile;
}

export interface ExtractionProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

export interface ExtractionInput {
  readonly tf: Tf;
  readonly folder: ExtractorFolder;
  /** Weights other than the folder's; int8 ones are taken at what they stand for. */
  readonly model?: TensorFile;
  readonly texts: readonly string[];
  readonly report: (done: number, total: number) => void;
}

/**
 * Pooled features of many texts, before the DR: (N, F). In batches through the training graph, ten times as fast as text
 * by text on the reference engine, which the last batch of every call is compared with (INTERNAL beyond 1e-4).
 */
export function extractFeatures({ tf, folder, model, texts, report }: ExtractionInput): Matrix {
  const { config, pooling, maxTokens } = folder;
  const given = model ?? folder.model;
  const file = "quantization" in given.metadata ? dequantizeTensorFile(given) : given;
  const parameters = new Map(
    [...encoderWeightShapes(config)].map(([name, shape]) => [
      name,
      createParameter(shape, getFloat32(file, name, shape)),
    ]),
  );
  const weights = createVariables(tf, parameters);
  const tokenizer = createTokenizer(folder.tokenizerJson);
  const examples = texts.map((text) => ({ ids: tokenizer.encode(text, { maxTokens }).ids, target: noTarget }));
  const matrix = createMatrix(texts.length, pooledSize(config.hiddenSize, pooling));
  let done = 0;
  let last: readonly number[] = [];
  try {
    forEachBatch(examples, (batch, indices) => {
      const features = forwardFeatures({ tf, config, recipe: { pooling } }, { parameters, weights, examples: batch });
      for (const [k, i] of indices.entries()) {
        matrix.data.set(features.subarray(k * matrix.cols, (k + 1) * matrix.cols), i * matrix.cols);
      }
      done += indices.length;
      last = indices;
      report(done, examples.length);
    });
  } finally {
    for (const variable of weights.values()) variable.dispose();
  }
  const samples = last.slice(-16).map((i) => ({ ids: examples[i]!.ids, expected: row(matrix, i) }));
  checkParity({ encoder: referenceEngine.createEncoder(config, file), pooling, samples });
  return matrix;
}

const noTarget = new Float32Array(0);
