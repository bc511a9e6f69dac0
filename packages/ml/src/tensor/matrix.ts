// The only matrix type of this package: row-major float32, with sizes that are checked on creation. Rows are
// contiguous, so a row is a view and no copy.

import { MlError } from "../error.js";

export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  /** Row-major, length `rows * cols`. */
  readonly data: Float32Array;
}

/** A (rows, cols) matrix over `data`, or of zeros. Throws `shape` when the sizes disagree. */
export function createMatrix(rows: number, cols: number, data?: Float32Array): Matrix {
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(cols) || rows < 0 || cols < 0) {
    throw new MlError("shape", `A matrix needs whole, non-negative sizes, not ${rows} x ${cols}`);
  }
  const values = data ?? new Float32Array(rows * cols);
  if (values.length !== rows * cols) {
    throw new MlError("shape", `A ${rows} x ${cols} matrix needs ${rows * cols} values, not ${values.length}`);
  }
  return { rows, cols, data: values };
}

/** Row `index` as a view of length cols: a write to the view changes the matrix. */
export function row(matrix: Matrix, index: number): Float32Array {
  if (!(index >= 0 && index < matrix.rows)) {
    throw new MlError("out-of-range", `Row ${index} of a matrix of ${matrix.rows} rows`);
  }
  return matrix.data.subarray(index * matrix.cols, (index + 1) * matrix.cols);
}

/** The rows named by `indices`, in that order (repeats allowed), copied: (indices.length, cols). */
export function selectRows(matrix: Matrix, indices: ArrayLike<number>): Matrix {
  const selected = createMatrix(indices.length, matrix.cols);
  for (let i = 0; i < indices.length; i++) {
    selected.data.set(row(matrix, indices[i]!), i * matrix.cols);
  }
  return selected;
}

/** The matrices one below the other, copied. All must have the same number of columns; an empty list throws `empty`. */
export function stackRows(matrices: readonly Matrix[]): Matrix {
  const first = matrices[0];
  if (first === undefined) {
    throw new MlError("empty", "No matrices to stack");
  }
  let rows = 0;
  for (const [i, matrix] of matrices.entries()) {
    if (matrix.cols !== first.cols) {
      throw new MlError("shape", `Matrix ${i} has ${matrix.cols} columns where matrix 0 has ${first.cols}`);
    }
    rows += matrix.rows;
  }
  const stacked = createMatrix(rows, first.cols);
  let offset = 0;
  for (const matrix of matrices) {
    stacked.data.set(matrix.data, offset);
    offset += matrix.data.length;
  }
  return stacked;
}

/** A matrix of the given rows, copied. All must have the same length; an empty list throws `empty`. */
export function matrixFromRows(rows: readonly ArrayLike<number>[]): Matrix {
  const first = rows[0];
  if (first === undefined) {
    throw new MlError("empty", "No rows to make a matrix of");
  }
  const matrix = createMatrix(rows.length, first.length);
  for (const [i, values] of rows.entries()) {
    if (values.length !== first.length) {
      throw new MlError("shape", `Row ${i} has ${values.length} values where row 0 has ${first.length}`);
    }
    matrix.data.set(values, i * first.length);
  }
  return matrix;
}

/** The transpose, copied: (cols, rows). */
export function transpose(matrix: Matrix): Matrix {
  const { rows, cols, data } = matrix;
  const result = createMatrix(cols, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) {
      result.data[c * rows + r] = data[r * cols + c]!;
    }
  }
  return result;
}
