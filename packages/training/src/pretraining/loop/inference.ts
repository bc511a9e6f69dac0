// Runs an encoder in training, or any encoder with plain arrays as weights, forward: features of a batch, a
// head's logits, weighted F1.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { weightedF1 } from "@attune/ml/metrics/classification";
import { AppError } from "@attune/shared/errors";
import type { Tf } from "../backend/tensorflow.js";
import { assembleBatch, type Example, type TrainingTask } from "../data/batches.js";
import { encoderFeatures } from "../graphs/encoder.js";
import { wordEmbeddings } from "../graphs/forward.js";
import { type Parameter, type Variables, createVariables as variablesOf } from "./optimizer.js";

/** Every weight but the word embeddings: a step uploads only those rows of them that it reads. */
export function createVariables(tf: Tf, parameters: ReadonlyMap<string, Parameter>): Variables {
  return variablesOf(tf, parameters, wordEmbeddings);
}

export interface Encoding {
  readonly tf: Tf;
  readonly config: EncoderConfig;
  readonly recipe: { readonly pooling: Pooling };
}

interface Weights {
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly weights: Variables;
}

/** Pooled features of `examples`, without dropout: (N * F), row-major. */
export function forwardFeatures(
  { tf, config, recipe }: Encoding,
  { parameters, weights, examples }: Weights & { examples: readonly Example[] },
): Float32Array {
  const batch = assembleBatch(examples);
  const words = parameters.get(wordEmbeddings)!;
  let features = new Float32Array(0);
  tf.tidy(() => {
    const rows = tf.tensor2d(selectRows(words, batch.ids), [batch.ids.length, words.shape[1]!]);
    const pooled = encoderFeatures(tf, {
      config,
      pooling: recipe.pooling,
      batch,
      words: rows,
      weights,
      dropoutRate: 0,
      random: undefined,
    });
    features = pooled.dataSync() as Float32Array<ArrayBuffer>;
  });
  return features;
}

/** Makes batches by length, so that little is padded, and calls back with the rows of each batch. */
function forEachBatch(
  examples: readonly Example[],
  visit: (batch: readonly Example[], indices: readonly number[]) => void,
): void {
  const order = [...examples.keys()].sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length || a - b);
  for (let start = 0; start < order.length; start += 128) {
    const indices = order.slice(start, start + 128);
    visit(
      indices.map((i) => examples[i]!),
      indices,
    );
  }
}

interface TaskExamples {
  readonly task: string;
  readonly examples: readonly Example[];
  /** Receives the number of examples that are done. */
  readonly onBatch?: (done: number) => void;
}

/** The task's logits of every example: (N * C), row-major. */
export function taskLogits(
  encoding: Encoding,
  { parameters, weights, task, examples, onBatch }: Weights & TaskExamples,
): Float32Array {
  const weight = parameters.get(`head.${task}.weight`)!;
  const bias = parameters.get(`head.${task}.bias`)!.values;
  const [classes, width] = weight.shape as [number, number];
  const logits = new Float32Array(examples.length * classes);
  let done = 0;
  forEachBatch(examples, (batch, indices) => {
    const features = forwardFeatures(encoding, { parameters, weights, examples: batch });
    for (const [k, index] of indices.entries()) {
      for (let c = 0; c < classes; c++) {
        let sum = bias[c]!;
        for (let j = 0; j < width; j++) sum += weight.values[c * width + j]! * features[k * width + j]!;
        logits[index * classes + c] = sum;
      }
    }
    done += indices.length;
    onBatch?.(done);
  });
  return logits;
}

/**
 * Weighted F1 of a task. A row with several labels counts as the predicted label if the row has it, else as its
 * first most likely one.
 */
export function taskF1(
  encoding: Encoding,
  { task, examples, ...weights }: Weights & { task: TrainingTask; examples: readonly Example[] },
): number {
  const classes = task.classes.length;
  const logits = taskLogits(encoding, { ...weights, task: task.name, examples });
  const truth = new Int32Array(examples.length);
  const predicted = new Int32Array(examples.length);
  for (const [i, { target }] of examples.entries()) {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const choice = row.indexOf(Math.max(...row));
    if (choice < 0) {
      throw new AppError("INVALID_INPUT", "dev rows have scores that are not numbers; lower the recipe's learningRate");
    }
    predicted[i] = choice;
    truth[i] = target[choice]! > 0 ? choice : target.indexOf(Math.max(...target));
  }
  return weightedF1(truth, predicted, classes);
}

export function selectRows({ values, shape }: Parameter, ids: Int32Array): Float32Array {
  const width = shape[1]!;
  const rows = new Float32Array(ids.length * width);
  for (const [r, id] of ids.entries()) rows.set(values.subarray(id * width, (id + 1) * width), r * width);
  return rows;
}
