// Writes a trained encoder in Hugging Face's layout (config.json, model.safetensors, tokenizer.json).

import { join } from "node:path";
import { type EncoderConfig, encoderConfigJson } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { serializeSafetensors, type Tensor, type TensorFile } from "@attune/ml/tensor/safetensors";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { AppError } from "@attune/shared/errors";

interface ExportInput {
  readonly directory: string;
  readonly config: EncoderConfig;
  readonly pooling: Pooling;
  readonly maxTokens: number;
  readonly tokenizerJson: string;
  /** Weights by Hugging Face's names; heads and other names beside the encoder's are left out. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Hugging Face's keys, and a key of our own for how token vectors become one feature vector. */
export function extractorConfigJson(config: EncoderConfig, settings: { pooling: Pooling; maxTokens: number }): string {
  const hub = JSON.parse(encoderConfigJson(config)) as Record<string, unknown>;
  const attune = { pooling: settings.pooling, maxTokens: settings.maxTokens };
  return `${JSON.stringify({ ...hub, attune }, null, 2)}\n`;
}

/** The encoder's tensors among `weights`. */
export function encoderFile(config: EncoderConfig, weights: ReadonlyMap<string, Float32Array>): TensorFile {
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of encoderWeightShapes(config)) {
    const data = weights.get(name);
    if (data === undefined) throw new AppError("INTERNAL", `the weight ${name} was not trained`);
    tensors.set(name, { dtype: "F32", shape, data });
  }
  return { tensors, metadata: { format: "pt" } };
}

export function exportEncoder(input: ExportInput): void {
  const model = serializeSafetensors(encoderFile(input.config, input.weights));
  const encoder = new TextEncoder();
  writeFileDurablySync(join(input.directory, "model.safetensors"), model);
  writeFileDurablySync(join(input.directory, "config.json"), encoder.encode(extractorConfigJson(input.config, input)));
  writeFileDurablySync(join(input.directory, "tokenizer.json"), encoder.encode(input.tokenizerJson));
}
