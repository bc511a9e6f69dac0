// ELM's sums kept by class: from them the output weights under any weighting of the classes can be solved, and rows come and go exactly.
// Balanced OSELM needs them: what a row weighs depends on how many rows of its class there are, which every further row changes.
import type { HeadKernels } from "../engine/head-kernels.js";
import { MlError } from "../error.js";
import { factorize, solveInPlace } from "../linalg/cholesky.js";
import { addGram } from "../linalg/gram.js";
import { type Matrix, selectRows } from "../tensor/matrix.js";
import { checkFeatures, checkLabels } from "./examples.js";
import { activate, type HiddenLayer } from "./hidden-layer.js";

export interface ClassSums {
  readonly counts: Float64Array;
  /** Rows (N, inputSize) with labels (N). Throws `shape`, `out-of-range`, `not-finite`; then nothing was learned. */
  update(features: Matrix, labels: Int32Array): void;
  /** Takes rows away that were learned before; afterwards the sums are, to the last bit, those of the rows left. Throws as `update`. */
  forget(features: Matrix, labels: Int32Array): void;
  /**
   * (classes, hidden): minimises Σ w ‖y - W h‖² + l2 ‖W‖² over the rows; w is 1, or, balanced, such that each class that occurs weighs the
   * same and the mean is 1 (as `linear`). Throws `empty`, and `singular` when l2 is too small for the rows to determine W.
   */
  solve(options: { readonly l2: number; readonly classWeights: "balanced" | "none" }): Float64Array;
}

/** Bounds the memory for hidden outputs. */
const blockRows = 2048;
/** Below so many rows a kernel's call costs more than it saves. */
const kernelRows = 256;

export interface ClassSumsOptions {
  readonly layer: HiddenLayer;
  readonly classes: number;
  /** Equal to the last bit with and without: the sums are exact. */
  readonly kernels?: Pick<HeadKernels, "gram"> | undefined;
}

export function createClassSums({ layer, classes, kernels }: ClassSumsOptions): ClassSums {
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
        const chosen = selectRows(features, rows.slice(start, start + blockRows));
        changeClass(c, activate(layer, chosen), sign);
      }
      counts[c]! += sign * rows.length;
    }
  }

  function changeClass(c: number, h: Float64Array, sign: 1 | -1): void {
    const rows = h.length / hidden;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < hidden; j++) sums[c * hidden + j]! += sign * h[i * hidden + j]!;
    }
    const gram = grams[c]!;
    if (sign === 1 && (kernels === undefined || rows < kernelRows)) {
      addGram(gram, h, hidden);
      return;
    }
    const part = kernels === undefined || rows < kernelRows ? gramOf(h) : kernels.gram(h, hidden);
    for (let k = 0; k < part.length; k++) gram[k]! += sign * part[k]!;
  }

  function gramOf(h: Float64Array): Float64Array {
    const gram = new Float64Array(hidden * hidden);
    addGram(gram, h, hidden);
    return gram;
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
