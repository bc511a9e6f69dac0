// Temperature scaling: one number, fitted on held-out rows, turns a head's scores into probabilities that match the
// frequencies of the classes.
// Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks".

import { MlError } from "../error.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { checkLabels } from "./examples.js";

/**
 * A head beyond these limits is not unsure or sure but broken: every held-out row is right, or the head
 * is worse than guessing.
 */
export const temperatureRange = [1e-3, 1e3] as const;

/** scores: (N, C) → softmax of scores / temperature, (N, C). The largest score stays the largest. */
export function softmaxAt(scores: Matrix, temperature: number): Matrix {
  const { rows, cols, data } = scores;
  const result = createMatrix(rows, cols);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * cols, (i + 1) * cols);
    const shift = row.reduce((largest, score) => Math.max(largest, score), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (const score of row) sum += Math.exp((score - shift) / temperature);
    for (let c = 0; c < cols; c++) result.data[i * cols + c] = Math.exp((row[c]! - shift) / temperature) / sum;
  }
  return result;
}

/**
 * The usual 1 / temperature, and its standard deviation among heads: a few rows alone determine the temperature badly.
 */
interface UsualSharpness {
  readonly sharpness: number;
  readonly spread: number;
}

const anySharpness: UsualSharpness = { sharpness: 1, spread: Number.POSITIVE_INFINITY };

/**
 * scores: (N, C), logits or least squares; labels: (N). The head has not seen these rows.
 * Finds the temperature with the smallest log-loss plus, if `usual` is given, its negative log-prior. Both terms
 * are convex in 1 / temperature, so bisection finds the minimum, to nine digits and within `temperatureRange`.
 * Throws `empty`, `shape`, `out-of-range` and `not-finite`.
 */
export function fitTemperature(scores: Matrix, labels: Int32Array, usual: UsualSharpness = anySharpness): number {
  const { rows, cols, data } = scores;
  if (rows === 0 || cols === 0) throw new MlError("empty", "A temperature needs at least one held-out row");
  checkLabels(labels, rows, cols);
  const bad = data.findIndex((score) => !Number.isFinite(score));
  if (bad !== -1) throw new MlError("not-finite", `Row ${Math.floor(bad / cols)}: score ${bad % cols} is ${data[bad]}`);
  let [low, high] = temperatureRange.map((temperature) => -Math.log(temperature)).reverse() as [number, number];
  for (let turn = 0; turn < 50; turn++) {
    const middle = (low + high) / 2;
    const inverse = Math.exp(middle);
    if (slope(scores, labels, inverse) + (inverse - usual.sharpness) / usual.spread ** 2 < 0) low = middle;
    else high = middle;
  }
  return Math.exp(-(low + high) / 2);
}

/**
 * The loss's derivative in 1 / temperature: the scores' expectation under the probabilities, less the
 * true class's own score.
 */
function slope({ rows, cols, data }: Matrix, labels: Int32Array, inverse: number): number {
  let total = 0;
  for (let i = 0; i < rows; i++) {
    let shift = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < cols; c++) shift = Math.max(shift, data[i * cols + c]!);
    let sum = 0;
    let expected = 0;
    for (let c = 0; c < cols; c++) {
      const below = data[i * cols + c]! - shift;
      const exponential = Math.exp(below * inverse);
      sum += exponential;
      expected += exponential * below;
    }
    total += expected / sum - (data[i * cols + labels[i]!]! - shift);
  }
  return total;
}
