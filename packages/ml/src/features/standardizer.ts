// Standardises every feature to mean 0 and deviation 1 over the labelled dataset, so that one regularisation
// strength suits all features.

import { assertFinite, MlError } from "../error.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";

export interface Standardizer {
  readonly inputSize: number;
  readonly mean: Float64Array;
  /** The population standard deviation; 1 for a feature that is constant within rounding. */
  readonly scale: Float64Array;
}

/**
 * features: (N, D). Two passes in float64. Throws `empty` and `not-finite`.
 * Source: scikit-learn 1.9, StandardScaler, its rule for constant features included.
 */
export function fitStandardizer(features: Matrix): Standardizer {
  const { rows, cols, data } = features;
  if (rows === 0 || cols === 0) throw new MlError("empty", "Standardisation needs at least one row and one feature");
  assertFinite("The features", data);
  const mean = columnMeans(features);
  const scale = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    for (let d = 0; d < cols; d++) {
      const deviation = data[i * cols + d]! - mean[d]!;
      scale[d]! += deviation * deviation;
    }
  }
  for (let d = 0; d < cols; d++) {
    const variance = scale[d]! / rows;
    const rounding = rows * Number.EPSILON * variance + (rows * mean[d]! * Number.EPSILON) ** 2;
    scale[d] = variance <= rounding ? 1 : Math.sqrt(variance);
  }
  return { inputSize: cols, mean, scale };
}

/** (x - mean) / scale, (N, D) to (N, D). */
export function applyStandardizer({ inputSize, mean, scale }: Standardizer, features: Matrix): Matrix {
  if (features.cols !== inputSize) {
    throw new MlError("shape", `The standardizer was fitted on ${inputSize} features, not ${features.cols}`);
  }
  const result = createMatrix(features.rows, inputSize);
  for (let i = 0; i < features.rows; i++) {
    for (let d = 0; d < inputSize; d++) {
      const k = i * inputSize + d;
      result.data[k] = (features.data[k]! - mean[d]!) / scale[d]!;
    }
  }
  return result;
}

/** The mean of each column, summed in float64. */
export function columnMeans({ rows, cols, data }: Matrix): Float64Array {
  const mean = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    for (let d = 0; d < cols; d++) {
      mean[d]! += data[i * cols + d]!;
    }
  }
  for (let d = 0; d < cols; d++) {
    mean[d]! /= rows;
  }
  return mean;
}
