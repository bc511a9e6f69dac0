// Weights the examples and plans their batches. Both depend on the seed and the epoch alone, so that a
// resumed run repeats them.

import { createRandom, type Random } from "@attune/ml/tensor/random";

export interface Example {
  readonly ids: Int32Array;
  /** A distribution over the task's classes. */
  readonly target: Float32Array;
  /** For distillation: the logits of the teacher's head for the same task. */
  readonly teacherLogits?: Float32Array;
}

export interface TrainingTask {
  readonly name: string;
  readonly classes: readonly string[];
  readonly examples: readonly Example[];
}

/** The examples of one batch, by index, all of one task. */
export interface BatchPlan {
  readonly task: number;
  readonly indices: Int32Array;
}

/**
 * Scales the targets in place, each class by the inverse square root of its rows, so that rare classes count more in
 * the loss. A row of several classes counts in parts. The scales average one over the rows.
 */
export function balanceClasses({ examples, classes }: TrainingTask): void {
  const mass = new Float64Array(classes.length);
  for (const { target } of examples) for (const [c, share] of target.entries()) mass[c]! += share;
  const raw = mass.map((value) => (value > 0 ? 1 / Math.sqrt(value) : 0));
  const total = mass.reduce((sum, value, c) => sum + value * raw[c]!, 0);
  for (const { target } of examples) {
    for (let c = 0; c < target.length; c++) target[c]! *= (raw[c]! * examples.length) / total;
  }
}

/** Batches of examples of similar length, because padding is wasted computation; the batches' order is random. */
export function planEpoch(tasks: readonly TrainingTask[], { batchSize, seed, epoch }: EpochOptions): BatchPlan[] {
  const random = createRandom(seed * 2 ** 20 + epoch);
  const plans: BatchPlan[] = [];
  for (const [task, { examples }] of tasks.entries()) {
    const order = Int32Array.from(examples.keys());
    random.shuffle(order);
    // Sorts only within a large pool, so that batches still differ from epoch to epoch.
    const poolSize = batchSize * 50;
    for (let start = 0; start < order.length; start += poolSize) {
      const pool = order.slice(start, start + poolSize);
      pool.sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length || a - b);
      for (let i = 0; i < pool.length; i += batchSize) plans.push({ task, indices: pool.slice(i, i + batchSize) });
    }
  }
  random.shuffle(plans);
  return plans;
}

interface EpochOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
}

export function batchesPerEpoch(tasks: readonly TrainingTask[], batchSize: number): number {
  return tasks.reduce((sum, { examples }) => sum + Math.ceil(examples.length / batchSize), 0);
}

/**
 * The input of an encoder's graph. B = sentences, T = tokens of the longest, U = rows of `words`, the embeddings that
 * the batch looks up.
 */
export interface EncoderBatch {
  readonly sentences: number;
  readonly tokens: number;
  /** (U): the token id of each row of `words`; absent if `words` is the whole table. */
  readonly ids?: Int32Array;
  /** (B * T): the row of `words` for each token. */
  readonly rowOfToken: Int32Array;
  /** (B * T): 1 for a token, 0 for padding. */
  readonly mask: Float32Array;
}

export interface AssembledBatch extends EncoderBatch {
  /** The different token ids of the batch, in ascending order: row r of the batch's words is id ids[r]. */
  readonly ids: Int32Array;
  /** (B * C) */
  readonly targets: Float32Array;
}

interface TokenDropout {
  readonly rate: number;
  readonly unknownId: number;
  /** Ids from here on may be dropped; smaller ids are special tokens. */
  readonly firstWordId: number;
  readonly random: Random;
}

/** Pads to the longest example. Without `tokenDropout` every token stays. */
export function assembleBatch(examples: readonly Example[], tokenDropout?: TokenDropout): AssembledBatch {
  const sentences = examples.length;
  const tokens = examples.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const all = new Int32Array(sentences * tokens); // 0 is [PAD]
  const mask = new Float32Array(sentences * tokens);
  for (const [b, { ids }] of examples.entries()) {
    for (let t = 0; t < ids.length; t++) {
      const dropped =
        tokenDropout !== undefined &&
        ids[t]! >= tokenDropout.firstWordId &&
        tokenDropout.random.next() < tokenDropout.rate;
      all[b * tokens + t] = dropped ? tokenDropout.unknownId : ids[t]!;
      mask[b * tokens + t] = 1;
    }
  }
  const ids = Int32Array.from(new Set(all)).sort();
  const rowOf = new Map([...ids].map((id, row) => [id, row]));
  const classes = examples[0]?.target.length ?? 0;
  const targets = new Float32Array(sentences * classes);
  for (const [b, { target }] of examples.entries()) targets.set(target, b * classes);
  return { sentences, tokens, ids, rowOfToken: all.map((id) => rowOf.get(id)!), mask, targets };
}
