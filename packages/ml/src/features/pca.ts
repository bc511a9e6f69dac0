// Principal component analysis: the directions in which features vary most, in float64.
// Source: the paper's DR step; scikit-learn 1.9, PCA(svd_solver="covariance_eigh"), its sign rule included.

import { assertFinite, MlError } from "../error.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import { addGram, mirrorUpper } from "../linalg/gram.js";
import { symmetricEigen } from "../linalg/symmetric-eigen.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { columnMeans } from "./standardizer.js";

interface Pca {
  readonly inputSize: number;
  readonly outputSize: number;
  /** (inputSize) */
  readonly mean: Float64Array;
  /** (outputSize, inputSize): orthonormal rows, in the order of decreasing variance. */
  readonly components: Matrix;
  /** (outputSize): the variance along each component, divided by N - 1. */
  readonly explainedVariance: Float64Array;
  /** (outputSize): the share of the whole variance. */
  readonly explainedVarianceRatio: Float64Array;
}

/**
 * features: (N, D), outputSize at most min(N, D). O(N D² + D³).
 * In each component the element largest in magnitude is positive, so that equal data give equal components.
 * Throws `empty`, `not-finite`, and `out-of-range` for outputSize.
 */
export function fitPca(features: Matrix, outputSize: number): Pca {
  const { rows, cols, data } = features;
  if (rows < 2 || cols === 0)
    throw new MlError("empty", `PCA needs at least two rows and one feature, not ${rows} rows`);
  const largest = Math.min(rows, cols);
  if (!Number.isSafeInteger(outputSize) || outputSize < 1 || outputSize > largest) {
    throw new MlError(
      "out-of-range",
      `${outputSize} components of ${rows} rows with ${cols} features: ask for 1 to ${largest}`,
    );
  }
  assertFinite("The features", data);
  const mean = columnMeans(features);
  const { values, vectors } = symmetricEigen(covariance(features, mean), cols);
  const components = createMatrix(outputSize, cols);
  for (let k = 0; k < outputSize; k++) {
    const vector = vectors.subarray(k * cols, (k + 1) * cols);
    const sign = signOfLargest(vector);
    for (let d = 0; d < cols; d++) {
      components.data[k * cols + d] = sign * vector[d]!;
    }
  }
  // Rounding can leave a variance of zero slightly negative.
  const variances = values.map((value) => Math.max(value, 0));
  const total = variances.reduce((sum, value) => sum + value, 0);
  const explainedVariance = variances.slice(0, outputSize);
  const explainedVarianceRatio = explainedVariance.map((value) => (total === 0 ? 0 : value / total));
  return { inputSize: cols, outputSize, mean, components, explainedVariance, explainedVarianceRatio };
}

/** components · (x - mean): (N, inputSize) to (N, outputSize), or one row to one row. Throws `shape`. */
export function applyPca(pca: Pca, features: Float32Array): Float32Array;
export function applyPca(pca: Pca, features: Matrix): Matrix;
export function applyPca(pca: Pca, features: Matrix | Float32Array): Matrix | Float32Array {
  if (features instanceof Float32Array) {
    return project(pca, createMatrix(1, features.length, features)).data;
  }
  return project(pca, features);
}

function project({ inputSize, mean, components }: Pca, features: Matrix): Matrix {
  if (features.cols !== inputSize) {
    throw new MlError("shape", `The PCA was fitted on ${inputSize} features, not ${features.cols}`);
  }
  const scale = new Float64Array(inputSize).fill(1);
  return referenceHeadKernels.project({ mean, scale, components }, features);
}

/** (D, D), divided by N - 1. */
function covariance({ rows, cols, data }: Matrix, mean: Float64Array): Float64Array {
  const result = new Float64Array(cols * cols);
  const blockRows = 256; // bounds the float64 copy, whatever N is
  for (let start = 0; start < rows; start += blockRows) {
    const end = Math.min(start + blockRows, rows);
    const centred = new Float64Array((end - start) * cols);
    for (let i = start; i < end; i++) {
      for (let d = 0; d < cols; d++) {
        centred[(i - start) * cols + d] = data[i * cols + d]! - mean[d]!;
      }
    }
    addGram(result, centred, cols);
  }
  for (let k = 0; k < result.length; k++) {
    result[k]! /= rows - 1;
  }
  mirrorUpper(result, cols);
  return result;
}

function signOfLargest(vector: Float64Array): number {
  let largest = 0;
  for (const value of vector) {
    // Rounding must not decide the sign among equal elements: the first of the elements that are
    // equal within rounding decides.
    if (Math.abs(value) > Math.abs(largest) * (1 + 1e-9)) largest = value;
  }
  return largest < 0 ? -1 : 1;
}
