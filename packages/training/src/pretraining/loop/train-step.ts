// One step of training: a batch forward and back, and an update of every weight that its task uses.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tf } from "../backend/tensorflow.js";
import { type AssembledBatch, assembleBatch, type Example, type TrainingTask } from "../data/batches.js";
import type { Recipe } from "../data/recipe.js";
import { encoderFeatures } from "../graphs/encoder.js";
import { wordEmbeddings } from "../graphs/forward.js";
import { dense, type Tensor, type Tensor2D } from "../graphs/layers.js";
import type { TrainingState } from "./checkpoint.js";
import { selectRows } from "./inference.js";
import { adamUpdate, type BackendParameters, clippingScale, scheduledRate } from "./optimizer.js";

export interface StepContext {
  readonly tf: Tf;
  readonly config: EncoderConfig;
  readonly recipe: Recipe;
  readonly seed: number;
  /** The token that token dropout puts in a word's place. */
  readonly unknownId: number;
  /** Smaller ids are special tokens. */
  readonly firstWordId: number;
}

interface StepInput {
  readonly state: TrainingState;
  /** All weights but the word embeddings, whose arrays in `state` are up to date. */
  readonly trained: BackendParameters;
  readonly examples: readonly Example[];
  readonly task: TrainingTask;
  /** The number of steps over which the learning rate falls to zero. */
  readonly steps: number;
}

/** Returns the batch's mean loss. NaN if a gradient is not finite; then no weight is changed. */
export function trainStep(context: StepContext, { state, trained, examples, task, steps }: StepInput): number {
  const { tf, recipe, seed } = context;
  const { step } = state.progress;
  // Each step has a generator of its own, so that a resumed run draws the same numbers as an uninterrupted one.
  const random = createRandom(seed * 2 ** 32 + 2 ** 31 + step);
  const batch = assembleBatch(examples, { ...context, rate: recipe.tokenDropoutRate, random: random.fork() });
  const words = state.parameters.get(wordEmbeddings)!;
  // The order is the same for new weights and for those of a checkpoint: sums of floats depend on it.
  const names = [...trained.weights.keys()]
    .filter((name) => !name.startsWith("head.") || name.startsWith(`head.${task.name}.`))
    .sort();
  let loss = Number.NaN;
  tf.tidy(() => {
    const rows = tf.tensor2d(selectRows(words, batch.ids), [batch.ids.length, words.shape[1]!]);
    const compute = (...tensors: Tensor[]): Tensor => {
      const byName = new Map(names.map((name, i) => [name, tensors[i + 1]!]));
      const features = encoderFeatures(tf, {
        config: context.config,
        pooling: recipe.pooling,
        batch,
        words: tensors[0] as Tensor2D,
        weights: byName,
        dropoutRate: recipe.dropoutRate,
        random: random.fork(),
      });
      const head = `head.${task.name}`;
      const logits = dense(tf, features, { weight: byName.get(`${head}.weight`)!, bias: byName.get(`${head}.bias`)! });
      return lossOf(tf, logits, { batch, examples, recipe });
    };
    const { value, grads } = tf.valueAndGrads(compute as (...args: Tensor[]) => import("@tensorflow/tfjs").Scalar)([
      rows,
      ...names.map((name) => trained.weights.get(name)!),
    ]);
    const sumOfSquares = tf.addN(grads.map((gradient) => tf.sum(tf.square(gradient)))).dataSync()[0]!;
    const gradientScale = clippingScale(sumOfSquares, recipe.clipNorm);
    if (!Number.isFinite(gradientScale)) return;
    loss = value.dataSync()[0]!;
    const optionsOf = (name: string, decays: boolean) => ({
      learningRate: scheduledRate(step, {
        peak: name.startsWith("head.") ? (recipe.headLearningRate ?? recipe.learningRate) : recipe.learningRate,
        total: steps,
        warmupFraction: recipe.warmupFraction,
      }),
      weightDecay: decays ? recipe.weightDecay : 0,
      gradientScale,
      step: step + 1,
    });
    // As in BERT, biases and normalisation do not decay; neither do rows that a batch happens to hold.
    for (const [i, name] of names.entries()) {
      const gradient = grads[i + 1]!;
      trained.update(name, gradient, optionsOf(name, gradient.rank >= 2));
    }
    const wordGradient = grads[0]!.dataSync() as Float32Array;
    adamUpdate(words, wordGradient, { ...optionsOf(wordEmbeddings, false), rows: batch.ids });
  });
  return loss;
}

interface LossInput {
  readonly batch: Pick<AssembledBatch, "sentences" | "targets">;
  readonly examples: readonly Example[];
  readonly recipe: Pick<Recipe, "distillation">;
}

/**
 * The loss of (B, C) logits: cross-entropy with the labels and, if the examples have a teacher's logits, with those too
 * (Hinton et al. 2015).
 */
export function lossOf(tf: Tf, logits: Tensor2D, { batch, examples, recipe }: LossInput): Tensor {
  const { distillation } = recipe;
  const targets = tf.tensor(batch.targets, logits.shape);
  const crossEntropy = (goal: Tensor, scores: Tensor) =>
    tf.neg(tf.sum(tf.mul(goal, tf.logSoftmax(scores)))).div(batch.sentences);
  const hard = crossEntropy(targets, logits);
  if (distillation === undefined || examples[0]?.teacherLogits === undefined) return hard;
  const { weight, temperature } = distillation;
  const { probabilities, entropy } = softened(examples, temperature);
  const soft = crossEntropy(tf.tensor(probabilities, logits.shape), tf.div(logits, temperature)).sub(entropy);
  return tf.add(hard.mul(1 - weight), soft.mul(weight * temperature * temperature));
}

/**
 * The teacher's distributions at a temperature, (B * C), and their mean entropy, by which KL
 * is less than cross-entropy.
 */
function softened(examples: readonly Example[], temperature: number) {
  const classes = examples[0]!.teacherLogits!.length;
  const probabilities = new Float32Array(examples.length * classes);
  let entropy = 0;
  for (const [b, { teacherLogits }] of examples.entries()) {
    const largest = Math.max(...teacherLogits!);
    const powers = Array.from(teacherLogits!, (logit) => Math.exp((logit - largest) / temperature));
    const sum = powers.reduce((total, power) => total + power, 0);
    for (const [c, power] of powers.entries()) {
      const probability = power / sum;
      probabilities[b * classes + c] = probability;
      if (probability > 0) entropy -= probability * Math.log(probability);
    }
  }
  return { probabilities, entropy: entropy / examples.length };
}
