// Writes a trained encoder in Hugging Face's layout (config.json, model.safetensors, tokenizer.json) and proves that the product's own encoder reads it alike.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { type EncoderConfig, encoderConfigJson } from "@attune/ml/encoder/config";
import type { Encoder } from "@attune/ml/encoder/encoder";
import { type Pooling, pool } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { serializeSafetensors, type Tensor } from "@attune/ml/tensor/safetensors";
import { AppError } from "@attune/shared/errors";
import { writeDurably } from "./checkpoint.js";

export interface ExportInput {
  readonly directory: string;
  readonly config: EncoderConfig;
  readonly pooling: Pooling;
  readonly maxTokens: number;
  readonly tokenizerJson: string;
  /** By Hugging Face's names; heads and other names beside the encoder's are left out. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Hugging Face's keys, and beside them what Hugging Face has no key for: how token vectors become one feature vector. */
export function extractorConfigJson(config: EncoderConfig, settings: { pooling: Pooling; maxTokens: number }): string {
  const hub = JSON.parse(encoderConfigJson(config)) as Record<string, unknown>;
  const attune = { pooling: settings.pooling, maxTokens: settings.maxTokens };
  return `${JSON.stringify({ ...hub, attune }, null, 2)}\n`;
}

export function exportEncoder(input: ExportInput): void {
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of encoderWeightShapes(input.config)) {
    const data = input.weights.get(name);
    if (data === undefined) throw new AppError("INTERNAL", `the weight ${name} was not trained`);
    tensors.set(name, { dtype: "F32", shape, data });
  }
  const model = serializeSafetensors({ tensors, metadata: { format: "pt" } });
  const encoder = new TextEncoder();
  writeDurably(join(input.directory, "model.safetensors"), model);
  writeDurably(join(input.directory, "config.json"), encoder.encode(extractorConfigJson(input.config, input)));
  writeDurably(join(input.directory, "tokenizer.json"), encoder.encode(input.tokenizerJson));
}

/**
 * The largest difference between `expected` features (one per list of ids, from the training graph) and those of the
 * reference engine, as a share of a vector's largest value where that is above 1. Throws INTERNAL above `tolerance`: such an export must not be used.
 */
export function checkParity({ encoder, pooling, samples, tolerance = 1e-4 }: ParityInput): number {
  let largest = 0;
  for (const { ids, expected } of samples) {
    const actual = pool(encoder.forward(ids).hiddenStates.at(-1)!, undefined, pooling);
    // MobileBERT does not hold its values back: the published one's reach 10^7, where float32 itself is coarser than 1.
    const scale = actual.reduce((size, value) => Math.max(size, Math.abs(value)), 1);
    for (const [i, value] of actual.entries()) largest = Math.max(largest, Math.abs(value - expected[i]!) / scale);
  }
  if (!(largest <= tolerance)) {
    throw new AppError(
      "INTERNAL",
      `the reference engine's features differ from the training graph's by ${largest}, over ${tolerance}`,
    );
  }
  return largest;
}

export interface ParityInput {
  /** The reference engine's, from the files that are to be used. */
  readonly encoder: Encoder;
  readonly pooling: Pooling;
  readonly samples: readonly { readonly ids: Int32Array; readonly expected: ArrayLike<number> }[];
  readonly tolerance?: number;
}

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
