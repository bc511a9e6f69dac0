// A training run's state on disk: one file, replaced whole, from which a killed run resumes to the same final weights.

import { join } from "node:path";
import { parseSafetensors, serializeSafetensors, type Tensor } from "@attune/ml/tensor/safetensors";
import { readFileIfAnySync, renameDurablySync, writeFileDurablySync } from "@attune/platform/durable-file";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { createParameter, type Parameter } from "./optimizer.js";

export const checkpointName = "checkpoint.safetensors";

export const evaluationSchema = z.strictObject({
  /** Steps done at the evaluation. */
  step: z.int(),
  /** Steps done, in epochs. */
  epoch: z.number(),
  /** The mean over the batches since the previous evaluation. */
  trainLoss: z.number(),
  /** Weighted F1 on the labelled dataset's dev rows. */
  devMetric: z.number(),
  seconds: z.number(),
});
export type EvaluationRecord = z.infer<typeof evaluationSchema>;

export const curvePointSchema = z.strictObject({ step: z.int(), loss: z.number() });
/** The mean loss of the batches since the previous point. */
export type CurvePoint = z.infer<typeof curvePointSchema>;

const progressSchema = z.strictObject({
  version: z.literal(2),
  /** Digest of data, recipe, seed and starting point: a checkpoint of another run is refused. */
  fingerprint: z.string(),
  /**
   * Steps done. With the seed, they are the whole state of the random numbers: each step draws from a
   * generator of its own.
   */
  step: z.int().min(0),
  /** Sums of the losses since the last evaluation, and since the last point of the curve. */
  lossSum: z.number(),
  curveLossSum: z.number(),
  evaluations: z.array(evaluationSchema),
  bestEvaluation: z.int().min(-1),
  curve: z.array(curvePointSchema),
  seconds: z.number(),
});
type TrainingProgress = z.infer<typeof progressSchema>;

export interface TrainingState {
  progress: TrainingProgress;
  readonly parameters: Map<string, Parameter>;
  /** The weights of the best evaluation so far; empty before the first. */
  best: Map<string, Float32Array>;
}

export function saveCheckpoint(directory: string, { progress, parameters, best }: TrainingState): void {
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape, values, moment1, moment2 }] of parameters) {
    tensors.set(`weight:${name}`, { dtype: "F32", shape, data: values });
    tensors.set(`moment1:${name}`, { dtype: "F32", shape, data: moment1 });
    tensors.set(`moment2:${name}`, { dtype: "F32", shape, data: moment2 });
  }
  for (const [name, values] of best) {
    tensors.set(`best:${name}`, { dtype: "F32", shape: parameters.get(name)!.shape, data: values });
  }
  const file = { tensors, metadata: { progress: JSON.stringify(progress) } };
  writeFileDurablySync(join(directory, checkpointName), serializeSafetensors(file));
}

/**
 * undefined if the directory holds no checkpoint. Throws INVALID_INPUT for another run's checkpoint, STORE_CORRUPT
 * for a damaged one.
 */
export function loadCheckpoint(directory: string, fingerprint: string): TrainingState | undefined {
  const path = join(directory, checkpointName);
  const bytes = readFileIfAnySync(path);
  if (bytes === undefined) return undefined;
  const state = readCheckpoint(path, bytes);
  if (state.progress.fingerprint !== fingerprint) {
    throw new AppError(
      "INVALID_INPUT",
      `${path}: belongs to a run with other data, recipe, seed or starting point; repeat that run's flags or choose another --out`,
    );
  }
  return state;
}

function readCheckpoint(path: string, bytes: Uint8Array): TrainingState {
  try {
    const file = parseSafetensors(new Uint8Array(bytes));
    const progress = progressSchema.parse(JSON.parse(file.metadata.progress ?? "null"));
    const parameters = new Map<string, Parameter>();
    const best = new Map<string, Float32Array>();
    const floats = (name: string): Float32Array => {
      const tensor = file.tensors.get(name);
      if (tensor?.dtype !== "F32") throw new Error(`tensor "${name}" is missing`);
      return tensor.data.slice();
    };
    for (const [key, { shape }] of file.tensors) {
      const [kind, name] = [key.slice(0, key.indexOf(":")), key.slice(key.indexOf(":") + 1)];
      if (kind === "best") best.set(name, floats(key));
      if (kind !== "weight") continue;
      const parameter = createParameter(shape, floats(key));
      parameter.moment1.set(floats(`moment1:${name}`));
      parameter.moment2.set(floats(`moment2:${name}`));
      parameters.set(name, parameter);
    }
    return { progress, parameters, best };
  } catch (cause) {
    const aside = `${path}.damaged`;
    renameDurablySync(path, aside);
    throw new AppError("STORE_CORRUPT", `${path} is damaged and was set aside as ${aside}`, { cause });
  }
}
