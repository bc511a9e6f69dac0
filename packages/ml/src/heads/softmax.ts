// The mathematics of the linear head: class scores, softmax cross-entropy and its gradient. Each row carries a constant
// 1 for the bias.

import type { Matrix } from "../tensor/matrix.js";

/** Rows to learn from. */
export interface Design {
  readonly rows: number;
  /** D + 1: the features, then the constant 1. */
  readonly width: number;
  /** (rows, width) */
  readonly x: Float32Array;
  readonly labels: Int32Array;
  /** (rows): the mean over the whole training set is 1. */
  readonly importance: Float64Array;
  readonly classes: number;
}

/**
 * How a row's class determines the row's weight; the mean over all rows is 1. `none`: all rows weigh the same.
 * `balanced`: each class that occurs has the same total weight (scikit-learn's class_weight="balanced" over
 * the classes that occur).
 * `tempered`: half way, a class has the square root of its rows as total weight. So neutral does not drown a rare
 * emotion, and a rare emotion is not taken for a common one.
 * `mild`: a quarter of the way, a class has the power 3/4 of its rows as total weight.
 */
export type ClassWeights = "balanced" | "tempered" | "mild" | "none";

export function createDesign(
  features: Matrix,
  labels: Int32Array,
  options: { classes: number; classWeights: ClassWeights },
): Design {
  const { rows, cols, data } = features;
  const width = cols + 1;
  const x = new Float32Array(rows * width);
  for (let i = 0; i < rows; i++) {
    x.set(data.subarray(i * cols, (i + 1) * cols), i * width);
    x[i * width + cols] = 1;
  }
  return { rows, width, x, labels, importance: importanceOf(labels, options), classes: options.classes };
}

/** The total weight of a class, by its number of rows. */
const shareOf = {
  balanced: (rows) => Math.min(rows, 1),
  tempered: (rows) => Math.sqrt(rows),
  mild: (rows) => Math.sqrt(rows) * Math.sqrt(Math.sqrt(rows)),
} as const satisfies Record<Exclude<ClassWeights, "none">, (rows: number) => number>;

/** Does not throw: the heads check the labels. */
export function importanceOf(
  labels: Int32Array,
  { classes, classWeights }: { classes: number; classWeights: ClassWeights },
): Float64Array {
  const importance = new Float64Array(labels.length).fill(1);
  if (classWeights === "none") return importance;
  const counts = new Float64Array(classes);
  for (const label of labels) {
    counts[label]!++;
  }
  const byClass = rowWeights(counts, classWeights);
  return importance.map((_, i) => byClass[labels[i]!]!);
}

/**
 * counts: (classes), rows by class → (classes): the weight of a row of each class; 0 for a class without rows. The mean
 * over the rows is 1.
 */
export function rowWeights(counts: Float64Array, classWeights: ClassWeights): Float64Array {
  if (classWeights === "none") return counts.map((count) => Math.min(count, 1));
  const shares = counts.map(shareOf[classWeights]);
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share, c) => (counts[c]! > 0 ? (rows * share) / (total * counts[c]!) : 0));
}

export const blockRows = 64; // a block of rows stays in the cache between scores and gradient

/**
 * gradient += the gradient of Σ importance · cross-entropy over the rows; returns that sum. weights and
 * gradient: (classes, width). Scores, exponentials and sums are in float64, shifted by the row's largest score
 * so that nothing overflows.
 */
export function addCrossEntropy(design: Design, weights: Float64Array, gradient: Float64Array): number {
  const { rows, width, x, classes } = design;
  const residuals = new Float64Array(blockRows * classes);
  let loss = 0;
  for (let start = 0; start < rows; start += blockRows) {
    const count = Math.min(blockRows, rows - start);
    const block = x.subarray(start * width, (start + count) * width);
    scoreRows({ x: block, rows: count, width, classes }, weights, residuals);
    loss += scoresToResiduals(design, { start, count }, residuals);
    addOuter({ x: block, rows: count, width, classes }, residuals, gradient);
  }
  return loss;
}

/** Rows without their labels; `classes` is the number of rows of the weights. */
interface Block {
  readonly x: Float32Array;
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
}

/**
 * scores (rows, classes) = x · weightsᵀ, two rows and four classes at a time: eight sums share six loads.
 * At the edges, the last pair of rows and the last four classes overlap the previous ones.
 */
export function scoreRows({ x, rows, width, classes }: Block, weights: Float64Array, scores: Float64Array): void {
  if (rows < 2 || classes < 4) {
    scoreRowsPlainly({ x, rows, width, classes }, weights, scores);
    return;
  }
  for (let pair = 0; pair < rows; pair += 2) {
    const i = Math.min(pair, rows - 2);
    const upper = i * width;
    const lower = upper + width;
    for (let group = 0; group < classes; group += 4) {
      const c = Math.min(group, classes - 4);
      const w0 = c * width;
      const w1 = w0 + width;
      const w2 = w1 + width;
      const w3 = w2 + width;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let t0 = 0;
      let t1 = 0;
      let t2 = 0;
      let t3 = 0;
      for (let d = 0; d < width; d++) {
        const s = x[upper + d]!;
        const t = x[lower + d]!;
        const a0 = weights[w0 + d]!;
        const a1 = weights[w1 + d]!;
        const a2 = weights[w2 + d]!;
        const a3 = weights[w3 + d]!;
        s0 += s * a0;
        s1 += s * a1;
        s2 += s * a2;
        s3 += s * a3;
        t0 += t * a0;
        t1 += t * a1;
        t2 += t * a2;
        t3 += t * a3;
      }
      const out = i * classes + c;
      scores[out] = s0;
      scores[out + 1] = s1;
      scores[out + 2] = s2;
      scores[out + 3] = s3;
      const below = out + classes;
      scores[below] = t0;
      scores[below + 1] = t1;
      scores[below + 2] = t2;
      scores[below + 3] = t3;
    }
  }
}

/** scoreRows by its definition: the twin that tests the fast version, and the version for a single row. */
export function scoreRowsPlainly(
  { x, rows, width, classes }: Block,
  weights: Float64Array,
  scores: Float64Array,
): void {
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < classes; c++) {
      let sum = 0;
      for (let d = 0; d < width; d++) {
        sum += x[i * width + d]! * weights[c * width + d]!;
      }
      scores[i * classes + c] = sum;
    }
  }
}

/** Turns each row of scores into importance · (softmax - one-hot), in place. Returns the block's loss. */
function scoresToResiduals(
  { labels, importance, classes }: Design,
  { start, count }: { start: number; count: number },
  scores: Float64Array,
): number {
  let loss = 0;
  for (let i = 0; i < count; i++) {
    const base = i * classes;
    const label = labels[start + i]!;
    const weight = importance[start + i]!;
    const own = scores[base + label]!;
    const { shift, sum } = softmaxRow(scores, base, classes);
    loss += weight * (shift + Math.log(sum) - own);
    for (let c = 0; c < classes; c++) {
      scores[base + c]! *= weight;
    }
    scores[base + label]! -= weight;
  }
  return loss;
}

/** Softmax of `classes` scores from `base` on, in place. Their log-sum-exp is shift + log(sum). */
export function softmaxRow(scores: Float64Array, base: number, classes: number): { shift: number; sum: number } {
  let shift = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) {
    shift = Math.max(shift, scores[base + c]!);
  }
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    const exponential = Math.exp(scores[base + c]! - shift);
    scores[base + c] = exponential;
    sum += exponential;
  }
  for (let c = 0; c < classes; c++) {
    scores[base + c]! /= sum;
  }
  return { shift, sum };
}

/**
 * gradient (classes, width) += residualsᵀ · x, four rows and two classes at a time. The remaining rows and classes
 * go one by one.
 */
export function addOuter({ x, rows, width, classes }: Block, residuals: Float64Array, gradient: Float64Array): void {
  const paired = classes - (classes % 2);
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const x0 = i * width;
    const x1 = x0 + width;
    const x2 = x1 + width;
    const x3 = x2 + width;
    for (let c = 0; c < paired; c += 2) {
      const r = i * classes + c;
      const r0 = residuals[r]!;
      const r1 = residuals[r + classes]!;
      const r2 = residuals[r + 2 * classes]!;
      const r3 = residuals[r + 3 * classes]!;
      const q0 = residuals[r + 1]!;
      const q1 = residuals[r + classes + 1]!;
      const q2 = residuals[r + 2 * classes + 1]!;
      const q3 = residuals[r + 3 * classes + 1]!;
      const g = c * width;
      const h = g + width;
      for (let d = 0; d < width; d++) {
        const a0 = x[x0 + d]!;
        const a1 = x[x1 + d]!;
        const a2 = x[x2 + d]!;
        const a3 = x[x3 + d]!;
        gradient[g + d]! += r0 * a0 + r1 * a1 + (r2 * a2 + r3 * a3);
        gradient[h + d]! += q0 * a0 + q1 * a1 + (q2 * a2 + q3 * a3);
      }
    }
    if (paired < classes) {
      const r = i * classes + paired;
      const r0 = residuals[r]!;
      const r1 = residuals[r + classes]!;
      const r2 = residuals[r + 2 * classes]!;
      const r3 = residuals[r + 3 * classes]!;
      const g = paired * width;
      for (let d = 0; d < width; d++) {
        gradient[g + d]! += r0 * x[x0 + d]! + r1 * x[x1 + d]! + (r2 * x[x2 + d]! + r3 * x[x3 + d]!);
      }
    }
  }
  for (; i < rows; i++) {
    for (let c = 0; c < classes; c++) {
      const r = residuals[i * classes + c]!;
      for (let d = 0; d < width; d++) {
        gradient[c * width + d]! += r * x[i * width + d]!;
      }
    }
  }
}

/** The pull on the weights: its centre and its strengths. */
export interface Penalty {
  /** (classes, width): the prior's weights, or zeros. */
  readonly centre: Float64Array;
  readonly l2: number;
  readonly biasL2: number;
}

/** gradient += l2 (W - centre), the bias column with biasL2; returns l2/2 ‖W - centre‖². */
export function addPenalty(
  { centre, l2, biasL2 }: Penalty,
  { weights, width }: { weights: Float64Array; width: number },
  gradient: Float64Array,
): number {
  let value = 0;
  for (let k = 0; k < weights.length; k++) {
    const strength = k % width === width - 1 ? biasL2 : l2;
    const distance = weights[k]! - centre[k]!;
    gradient[k]! += strength * distance;
    value += 0.5 * strength * distance * distance;
  }
  return value;
}
