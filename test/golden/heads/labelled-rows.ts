// Made-up labelled rows for the tests of heads: one cloud of points for each class, overlapping.

import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";

export interface LabelledRows {
  readonly features: Matrix;
  readonly labels: Int32Array;
}

export interface LabelledRowsOptions {
  readonly rows: number;
  readonly inputSize: number;
  readonly classes: number;
  readonly seed: number;
  /** The distance of the clouds, in their own deviations. */
  readonly apart?: number;
}

/** The clouds' centres depend on inputSize and classes alone, so that different seeds are samples of one population. */
export function labelledRows({ rows, inputSize, classes, seed, apart = 1 }: LabelledRowsOptions): LabelledRows {
  const population = createRandom(97);
  const centres = Float64Array.from({ length: classes * inputSize }, () => apart * population.normal());
  const random = createRandom(seed);
  const features = createMatrix(rows, inputSize);
  const labels = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    const label = random.integer(classes);
    labels[i] = label;
    for (let d = 0; d < inputSize; d++) {
      features.data[i * inputSize + d] = centres[label * inputSize + d]! + random.normal();
    }
  }
  return { features, labels };
}

/** Rows from `start` up to `end`, as a view. */
export function part({ features, labels }: LabelledRows, start: number, end: number): LabelledRows {
  const { cols, data } = features;
  return {
    features: createMatrix(end - start, cols, data.subarray(start * cols, end * cols)),
    labels: labels.subarray(start, end),
  };
}
