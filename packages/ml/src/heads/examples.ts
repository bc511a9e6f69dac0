// The checks that every head makes before it computes: sizes, labels, finite features. Errors name bad
// rows by their index.

import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";
import type { HeadIdentity } from "./identity.js";

export interface Examples {
  /** (N, D) */
  readonly features: Matrix;
  /** (N), indices into identity.classes. */
  readonly labels: Int32Array;
  readonly identity: HeadIdentity;
}

/** Throws `empty`, `shape`, `out-of-range` (a label) and `not-finite`. */
export function checkExamples({ features, labels, identity }: Examples): void {
  checkIdentity(identity);
  if (features.rows === 0) throw new MlError("empty", "A head needs at least one row to learn from");
  checkFeatures(features, features.cols);
  checkLabels(labels, features.rows, identity.classes.length);
}

export function checkLabels(labels: Int32Array, rows: number, classes: number): void {
  if (labels.length !== rows) throw new MlError("shape", `${rows} rows of features but ${labels.length} labels`);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!(label >= 0 && label < classes)) {
      throw new MlError("out-of-range", `Row ${i}: label ${label} must lie in 0..${classes - 1}`);
    }
  }
}

/** Throws `shape` unless there are `inputSize` columns, and `not-finite` naming the row and the feature. */
export function checkFeatures(features: Matrix, inputSize: number): void {
  const { rows, cols, data } = features;
  if (cols !== inputSize || cols === 0) {
    throw new MlError("shape", `The head takes ${inputSize} features a row, not ${cols}`);
  }
  for (let k = 0; k < rows * cols; k++) {
    if (!Number.isFinite(data[k]!)) {
      throw new MlError("not-finite", `Row ${Math.floor(k / cols)}: feature ${k % cols} is ${data[k]}`);
    }
  }
}

export function checkIdentity({ features, classes }: HeadIdentity): void {
  if (features === "") throw new MlError("empty", "The identity of the features is empty");
  if (classes.length < 2) throw new MlError("empty", `A head distinguishes at least 2 classes, not ${classes.length}`);
  if (new Set(classes).size !== classes.length) {
    throw new MlError("out-of-range", `The classes (${classes.join(", ")}) are not distinct`);
  }
}

/** Throws `out-of-range`, naming the setting, unless `value` is finite and at least 0. */
export function checkNotNegative(name: string, value: number): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new MlError("out-of-range", `${name} is ${value}; it must be a finite number of at least 0`);
  }
}

/** Throws `out-of-range`, naming the setting, unless `value` is a whole number from `least` to `most`. */
export function checkWhole(name: string, value: number, [least, most]: readonly [number, number]): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new MlError("out-of-range", `${name} is ${value}; it must be a whole number from ${least} to ${most}`);
  }
}
