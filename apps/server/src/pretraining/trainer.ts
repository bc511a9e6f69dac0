// The training loop: batches through the graph, AdamW, an evaluation and a checkpoint an epoch, early stopping, resumption.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import { pooledSize } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { weightedF1 } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tf } from "./backend.js";
import { assembleBatch, batchesPerEpoch, type Example, planEpoch, type TrainingTask } from "./batches.js";
import { type EpochRecord, loadCheckpoint, saveCheckpoint, type TrainingState } from "./checkpoint.js";
import { encoderFeatures, initialValues } from "./graphs/encoder.js";
import { wordEmbeddings } from "./graphs/forward.js";
import { dense, type Tensor, type Tensor2D } from "./graphs/layers.js";
import { adamUpdate, clippingScale, createParameter, type Parameter, scheduledRate } from "./optimizer.js";
import type { Recipe } from "./recipe.js";

export interface TrainerInput {
  readonly tf: Tf;
  readonly config: EncoderConfig;
  readonly recipe: Recipe;
  /** The first is the one that `dev` belongs to. */
  readonly tasks: readonly TrainingTask[];
  readonly dev: readonly Example[];
  readonly seed: number;
  readonly unknownId: number;
  /** Ids below are special tokens. */
  readonly firstWordId: number;
  readonly fingerprint: string;
  /** Where checkpoints go; none are written without it. */
  readonly directory?: string;
  readonly resume?: boolean;
  /** Steps between checkpoints inside an epoch. */
  readonly checkpointEvery?: number;
  readonly onProgress?: (progress: ProgressReport) => void;
  /** Saves a checkpoint and returns after the step in hand. */
  readonly signal?: AbortSignal;
}

export interface ProgressReport {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Mean loss of the epoch so far. */
  readonly loss: number;
  readonly devMetric: number | undefined;
  readonly secondsLeft: number;
}

export interface TrainingOutcome {
  /** false: stopped by the signal; the checkpoint goes on from here. */
  readonly finished: boolean;
  /** The weights of the best epoch, encoder and heads ("head.<task>.weight"), by name. */
  readonly best: ReadonlyMap<string, Float32Array>;
  readonly epochs: readonly EpochRecord[];
  readonly bestEpoch: number;
  readonly seconds: number;
}

export async function train(input: TrainerInput): Promise<TrainingOutcome> {
  const { tf, recipe, tasks, seed, signal, directory } = input;
  const perEpoch = batchesPerEpoch(tasks, recipe.batchSize);
  const steps = perEpoch * recipe.epochs;
  const lastEpochs = epochsToTrain(recipe);
  const resumed = input.resume && directory !== undefined ? loadCheckpoint(directory, input.fingerprint) : undefined;
  const state = resumed ?? freshState(input);
  const secondsBefore = state.progress.seconds;
  const started = performance.now();
  const firstStep = state.progress.step;
  const weights = createVariables(tf, state.parameters);
  try {
    while (!isOver(state, recipe, perEpoch)) {
      const epoch = Math.floor(state.progress.step / perEpoch);
      const plans = planEpoch(tasks, { batchSize: recipe.batchSize, seed, epoch });
      for (let index = state.progress.step % perEpoch; index < perEpoch; index++) {
        const plan = plans[index]!;
        const examples = Array.from(plan.indices, (i) => tasks[plan.task]!.examples[i]!);
        const loss = trainStep(input, { state, weights, examples, task: tasks[plan.task]!, steps });
        if (!Number.isFinite(loss)) {
          throw new Error(`step ${state.progress.step}: the loss is ${loss}; lower the recipe's learning rate`);
        }
        const progress = state.progress;
        progress.epochLoss += loss;
        progress.step += 1;
        progress.seconds = secondsBefore + (performance.now() - started) / 1000;
        input.onProgress?.({
          step: progress.step,
          steps: perEpoch * lastEpochs,
          epoch,
          epochs: lastEpochs,
          loss: progress.epochLoss / (index + 1),
          devMetric: progress.epochs.at(-1)?.devMetric,
          secondsLeft:
            ((progress.seconds - secondsBefore) / (progress.step - firstStep)) *
            (perEpoch * lastEpochs - progress.step),
        });
        // Lets signals and the progress line through.
        await new Promise((resolve) => setImmediate(resolve));
        if (index === perEpoch - 1) closeEpoch(input, { state, weights, epoch, perEpoch });
        const due = index === perEpoch - 1 || signal?.aborted || progress.step % (input.checkpointEvery ?? 200) === 0;
        if (due && directory !== undefined) saveCheckpoint(directory, state);
        if (signal?.aborted) return outcome(state, false);
      }
    }
    return outcome(state, true);
  } finally {
    for (const variable of weights.values()) variable.dispose();
  }
}

type Variables = Map<string, ReturnType<Tf["variable"]>>;

interface StepInput {
  readonly state: TrainingState;
  readonly weights: Variables;
  readonly examples: readonly Example[];
  readonly task: TrainingTask;
  readonly steps: number;
}

/** One batch forward and back, one update of every weight the task uses. Returns the batch's mean loss. */
function trainStep(input: TrainerInput, { state, weights, examples, task, steps }: StepInput): number {
  const { tf, recipe, seed } = input;
  const { step } = state.progress;
  // A generator for each step, so that a resumed run draws what the uninterrupted one would have.
  const random = createRandom(seed * 2 ** 32 + 2 ** 31 + step);
  const tokenDropout = { ...input, rate: recipe.tokenDropoutRate, random: random.fork() };
  const batch = assembleBatch(examples, tokenDropout);
  const words = state.parameters.get(wordEmbeddings)!;
  const names = [...weights.keys()].filter(
    (name) => !name.startsWith("head.") || name.startsWith(`head.${task.name}.`),
  );
  const gradients = new Map<string, Float32Array>();
  let loss = Number.NaN;
  tf.tidy(() => {
    const rows = tf.tensor2d(selectRows(words, batch.ids), [batch.ids.length, words.shape[1]!]);
    const compute = (...tensors: Tensor[]): Tensor => {
      const byName = new Map(names.map((name, i) => [name, tensors[i + 1]!]));
      const features = encoderFeatures(tf, {
        config: input.config,
        pooling: recipe.pooling,
        batch,
        words: tensors[0] as Tensor2D,
        weights: byName,
        dropoutRate: recipe.dropoutRate,
        random: random.fork(),
      });
      const logits = dense(tf, features, headOf(byName, task));
      const targets = tf.tensor(batch.targets, [batch.sentences, task.classes.length]);
      return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))).div(batch.sentences);
    };
    const { value, grads } = tf.valueAndGrads(compute as (...args: Tensor[]) => import("@tensorflow/tfjs").Scalar)([
      rows,
      ...names.map((name) => weights.get(name)!),
    ]);
    loss = value.dataSync()[0]!;
    gradients.set(wordEmbeddings, grads[0]!.dataSync() as Float32Array);
    for (const [i, name] of names.entries()) gradients.set(name, grads[i + 1]!.dataSync() as Float32Array);
  });
  const gradientScale = clippingScale(gradients.values(), recipe.clipNorm);
  if (!Number.isFinite(gradientScale)) return Number.NaN;
  const learningRate = scheduledRate(step, {
    peak: recipe.learningRate,
    total: steps,
    warmupFraction: recipe.warmupFraction,
  });
  for (const [name, gradient] of gradients) {
    const parameter = state.parameters.get(name)!;
    const isEmbedding = name === wordEmbeddings;
    // As in BERT: no decay of biases and normalisation, and none of rows that a batch happens to hold.
    const weightDecay = parameter.shape.length < 2 || isEmbedding ? 0 : recipe.weightDecay;
    const options = { learningRate, weightDecay, gradientScale, step: step + 1 };
    adamUpdate(parameter, gradient, isEmbedding ? { ...options, rows: batch.ids } : options);
    const variable = weights.get(name);
    if (variable !== undefined) assign(tf, variable, parameter);
  }
  return loss;
}

interface EpochInput {
  readonly state: TrainingState;
  readonly weights: Variables;
  readonly epoch: number;
  readonly perEpoch: number;
}

function closeEpoch(input: TrainerInput, { state, weights, epoch, perEpoch }: EpochInput): void {
  const { progress, parameters } = state;
  const devMetric = evaluate(input, parameters, weights);
  progress.epochs.push({ epoch, trainLoss: progress.epochLoss / perEpoch, devMetric, seconds: progress.seconds });
  progress.epochLoss = 0;
  const best = progress.epochs[progress.bestEpoch]?.devMetric ?? Number.NEGATIVE_INFINITY;
  if (devMetric > best) {
    progress.bestEpoch = epoch;
    state.best = new Map([...parameters].map(([name, { values }]) => [name, values.slice()]));
  }
}

/**
 * Weighted F1 of the first task on `dev`. A row with several labels counts as the predicted one where it is among them,
 * else as its first most likely.
 */
function evaluate(input: TrainerInput, parameters: Map<string, Parameter>, weights: Variables): number {
  const { dev } = input;
  const task = input.tasks[0]!;
  const truth = new Int32Array(dev.length);
  const predicted = new Int32Array(dev.length);
  const weight = parameters.get(`head.${task.name}.weight`)!;
  const bias = parameters.get(`head.${task.name}.bias`)!;
  // By length, again so that little is padded.
  const order = [...dev.keys()].sort((a, b) => dev[a]!.ids.length - dev[b]!.ids.length || a - b);
  for (let start = 0; start < order.length; start += 128) {
    const indices = order.slice(start, start + 128);
    const examples = indices.map((i) => dev[i]!);
    const features = forwardFeatures(input, { parameters, weights, examples });
    const width = features.length / examples.length;
    for (const [k, index] of indices.entries()) {
      const logits = task.classes.map((_, c) => {
        let sum = bias.values[c]!;
        for (let j = 0; j < width; j++) sum += weight.values[c * width + j]! * features[k * width + j]!;
        return sum;
      });
      const choice = logits.indexOf(Math.max(...logits));
      const { target } = dev[index]!;
      predicted[index] = choice;
      truth[index] = target[choice]! > 0 ? choice : target.indexOf(Math.max(...target));
    }
  }
  return weightedF1(truth, predicted, task.classes.length);
}

/** Pooled features of `examples`, without dropout: (N * F), row-major. */
export function forwardFeatures(
  { tf, config, recipe }: Pick<TrainerInput, "tf" | "config"> & { recipe: Pick<Recipe, "pooling"> },
  {
    parameters,
    weights,
    examples,
  }: { parameters: Map<string, Parameter>; weights: Variables; examples: readonly Example[] },
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

function freshState({ config, recipe, tasks, seed, fingerprint }: TrainerInput): TrainingState {
  const random = createRandom(seed);
  const shapes = encoderWeightShapes(config);
  const features = pooledSize(config.hiddenSize, recipe.pooling);
  for (const { name, classes } of tasks) {
    shapes.set(`head.${name}.weight`, [classes.length, features]);
    shapes.set(`head.${name}.bias`, [classes.length]);
  }
  const parameters = new Map<string, Parameter>();
  for (const [name, shape] of shapes) parameters.set(name, createParameter(shape, initialValues(name, shape, random)));
  const progress = { version: 1 as const, fingerprint, step: 0, epochLoss: 0, epochs: [], bestEpoch: -1, seconds: 0 };
  return { progress, parameters, best: new Map() };
}

/** Every weight as a tf.Variable under its own name, but the word embeddings: of those a step uploads only the rows it reads. */
export function createVariables(tf: Tf, parameters: Map<string, Parameter>): Variables {
  const variables: Variables = new Map();
  for (const [name, parameter] of parameters) {
    if (name === wordEmbeddings) continue;
    const initial = tf.tensor(parameter.values, [...parameter.shape]);
    variables.set(name, tf.variable(initial));
    initial.dispose();
  }
  return variables;
}

function assign(tf: Tf, variable: ReturnType<Tf["variable"]>, { values, shape }: Parameter): void {
  const next = tf.tensor(values, [...shape]);
  variable.assign(next);
  next.dispose();
}

function headOf(weights: ReadonlyMap<string, Tensor>, { name }: TrainingTask): { weight: Tensor; bias: Tensor } {
  return { weight: weights.get(`head.${name}.weight`)!, bias: weights.get(`head.${name}.bias`)! };
}

function selectRows({ values, shape }: Parameter, ids: Int32Array): Float32Array {
  const width = shape[1]!;
  const rows = new Float32Array(ids.length * width);
  for (const [r, id] of ids.entries()) rows.set(values.subarray(id * width, (id + 1) * width), r * width);
  return rows;
}

function epochsToTrain({ epochs, stopAfterEpochs = epochs }: Recipe): number {
  return Math.min(epochs, stopAfterEpochs);
}

function isOver({ progress }: TrainingState, recipe: Recipe, perEpoch: number): boolean {
  const done = Math.floor(progress.step / perEpoch);
  return done >= epochsToTrain(recipe) || (progress.bestEpoch >= 0 && done - 1 - progress.bestEpoch >= recipe.patience);
}

function outcome({ progress, best }: TrainingState, finished: boolean): TrainingOutcome {
  return { finished, best, epochs: progress.epochs, bestEpoch: progress.bestEpoch, seconds: progress.seconds };
}
