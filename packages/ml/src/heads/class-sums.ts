// ELM's sums, kept by class. The output weights under any weighting of the classes can be solved from them, and rows
// come and go exactly. Balanced OSELM needs them: a row's weight depends on the number of rows of its class, which
// every further row changes.

import { MlError } from "../error.js";
import { factorize, solveInPlace } from "../linalg/cholesky.js";
import { addGram, addOuterProduct } from "../linalg/gram.js";
import { type Matrix, selectRows } from "../tensor/matrix.js";
import { checkFeatures, checkLabels } from "./examples.js";
import type { HeadKernels } from "./head-kernels.js";
import { activate, addMoments, type HiddenLayer } from "./hidden-layer.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";

export interface ClassSums {
  readonly counts: Float64Array;
  /**
   * Learns rows (N, inputSize) with labels (N). Throws `shape`, `out-of-range`, `not-finite`; then nothing was learned.
   */
  update(features: Matrix, labels: Int32Array): void;
  /**
   * Takes away rows that were learned before. Afterwards the sums are, to the last bit, those of the remaining
   * rows. Throws as `update`.
   */
  forget(features: Matrix, labels: Int32Array): void;
  /**
   * (classes, hidden): minimises Σ w ‖y - W h‖² + l2 ‖W‖² over the rows. Without class weights, w is 1.
   * With balanced weights, each class that occurs has the same total weight, and the mean of w is 1 (as in `linear`).
   * Throws `empty`, and `singular` when l2 is too small for the rows to determine W.
   */
  solve(options: { readonly l2: number; readonly classWeights: "balanced" | "none" }): Float64Array;
}

/** The limit bounds the memory for hidden outputs. */
const blockRows = 2048;
/** For fewer rows than this, a separate matrix of sums costs more than it saves. */
const minBlockRows = 256;

interface ClassSumsOptions {
  readonly layer: HiddenLayer;
  readonly classes: number;
  /** The sums are exact, so all kernels give the same sums. */
  readonly kernels?: Pick<HeadKernels, "elmSums">;
}

export function createClassSums(options: ClassSumsOptions): ClassSums {
  const { layer, classes, kernels = referenceHeadKernels } = options;
  const { hidden } = layer;
  const grams = Array.from({ length: classes }, () => new Float64Array(hidden * hidden));
  /** Σ h by class, (classes, hidden). */
  const sums = new Float64Array(classes * hidden);
  const counts = new Float64Array(classes);

  function change(features: Matrix, labels: Int32Array, sign: 1 | -1): void {
    checkFeatures(features, layer.inputSize);
    checkLabels(labels, features.rows, classes);
    const byClass = Array.from({ length: classes }, (): number[] => []);
    for (const [i, label] of labels.entries()) byClass[label]!.push(i);
    for (const [c, rows] of byClass.entries()) {
      if (sign === -1 && rows.length > counts[c]!) {
        throw new MlError("out-of-range", `More rows of class ${c} to forget than the ${counts[c]} held`);
      }
    }
    for (const [c, rows] of byClass.entries()) {
      for (let start = 0; start < rows.length; start += blockRows) {
        changeClass(c, selectRows(features, rows.slice(start, start + blockRows)), sign);
      }
      counts[c]! += sign * rows.length;
    }
  }

  function changeClass(c: number, features: Matrix, sign: 1 | -1): void {
    const [gram, own] = [grams[c]!, sums.subarray(c * hidden, (c + 1) * hidden)];
    const { rows } = features;
    if (rows < minBlockRows) {
      const h = activate(layer, features);
      addMoments(own, { h, labels: new Int32Array(rows), hidden }, sign);
      if (sign === 1) addGram(gram, h, hidden);
      else for (let i = 0; i < rows; i++) addOuterProduct(gram, h.subarray(i * hidden, (i + 1) * hidden), -1);
      return;
    }
    const block = kernels.elmSums(layer, { features, labels: new Int32Array(rows), classes: 1 });
    for (let k = 0; k < gram.length; k++) gram[k]! += sign * block.gram[k]!;
    for (let j = 0; j < hidden; j++) own[j]! += sign * block.moments[j]!;
  }

  function solve({ l2, classWeights }: Parameters<ClassSums["solve"]>[0]): Float64Array {
    const rows = counts.reduce((sum, count) => sum + count, 0);
    if (rows === 0) throw new MlError("empty", "There are no rows to solve for");
    const occurring = counts.filter((count) => count > 0).length;
    const gram = new Float64Array(hidden * hidden);
    const weights = new Float64Array(classes * hidden);
    for (let c = 0; c < classes; c++) {
      if (counts[c] === 0) continue;
      const weight = classWeights === "none" ? 1 : rows / (occurring * counts[c]!);
      const own = grams[c]!;
      for (let k = 0; k < gram.length; k++) gram[k]! += weight * own[k]!;
      for (let j = 0; j < hidden; j++) weights[c * hidden + j] = weight * sums[c * hidden + j]!;
    }
    solveInPlace(factorize(gram, hidden, l2), weights);
    return weights;
  }

  return {
    counts,
    update: (features, labels) => change(features, labels, 1),
    forget: (features, labels) => change(features, labels, -1),
    solve,
  };
}
