// The visits of dual coordinate ascent in plain TypeScript, one row after the other.

import type { AscentKernel, AscentRow, AscentStep } from "./head-kernels.js";
import { solveRow } from "./row-problem.js";

interface AscentSums extends Pick<AscentKernel, "sums" | "biasSums"> {
  readonly variances: Float64Array;
  /** (D), to compute in. */
  readonly reached: Float64Array;
}

export function openAscent(variances: Float64Array, classes: number): AscentKernel {
  const size = variances.length;
  const [sums, biasSums] = [new Float64Array(classes * size), new Float64Array(classes)];
  const own = { variances, sums, biasSums, reached: new Float64Array(size) };
  const [z, change] = [new Float64Array(classes), new Float64Array(classes)];

  function visit(row: AscentRow, { importance, perLambda, perBias }: AscentStep): number {
    const { features, label, offsets, square, residual } = row;
    const weight = importance[label]!;
    const gain = square * perLambda + perBias;
    z.fill(0);
    addProducts(sums, features, z);
    for (let c = 0; c < classes; c++) {
      z[c] = offsets[c]! + z[c]! * perLambda + biasSums[c]! * perBias - gain * residual[c]!;
      change[c] = weight > 0 ? residual[c]! / weight : 0;
    }
    solveRow({ scores: z, label, pull: gain * weight }, change);
    let largest = 0;
    for (let c = 0; c < classes; c++) {
      change[c] = weight * change[c]! - residual[c]!;
      residual[c]! += change[c]!;
      largest = Math.max(largest, Math.abs(change[c]!));
    }
    if (largest > 0) addShare(own, features, change);
    return largest;
  }

  return {
    sums,
    biasSums,
    visit: (rows, step) => rows.reduce((largest, row) => Math.max(largest, visit(row, step)), 0),
  };
}

/** Adds a share (classes) of the row's features to the sums. */
export function addShare(to: AscentSums, features: Float32Array, share: Float64Array): void {
  const { variances, sums, biasSums, reached } = to;
  const size = features.length;
  for (let d = 0; d < size; d++) reached[d] = variances[d]! * features[d]!;
  for (let c = 0; c < share.length; c++) {
    biasSums[c]! += share[c]!;
    if (share[c] !== 0) addMultiple(sums.subarray(c * size, (c + 1) * size), reached, share[c]!);
  }
}

/** y += factor · x, four elements at a time. */
function addMultiple(y: Float64Array, x: Float64Array, factor: number): void {
  const size = x.length;
  let d = 0;
  for (; d + 4 <= size; d += 4) {
    y[d] = y[d]! + factor * x[d]!;
    y[d + 1] = y[d + 1]! + factor * x[d + 1]!;
    y[d + 2] = y[d + 2]! + factor * x[d + 2]!;
    y[d + 3] = y[d + 3]! + factor * x[d + 3]!;
  }
  for (; d < size; d++) y[d] = y[d]! + factor * x[d]!;
}

/**
 * out += weights · x. weights: (classes, D), x: (D), out: (classes). Four sums at a time share each load of x and wait
 * less for themselves. At the end, the last four classes overlap the ones before.
 */
export function addProducts(weights: Float64Array, x: Float32Array, out: Float64Array): void {
  const size = x.length;
  const classes = out.length;
  if (classes < 4) {
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < size; d++) out[c]! += x[d]! * weights[c * size + d]!;
    }
    return;
  }
  for (let done = 0; done < classes; done += 4) {
    const c = Math.min(done, classes - 4);
    const w0 = c * size;
    const w1 = w0 + size;
    const w2 = w1 + size;
    const w3 = w2 + size;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let d = 0; d < size; d++) {
      const value = x[d]!;
      s0 += value * weights[w0 + d]!;
      s1 += value * weights[w1 + d]!;
      s2 += value * weights[w2 + d]!;
      s3 += value * weights[w3 + d]!;
    }
    if (c >= done) out[c]! += s0;
    if (c + 1 >= done) out[c + 1]! += s1;
    if (c + 2 >= done) out[c + 2]! += s2;
    out[c + 3]! += s3;
  }
}
