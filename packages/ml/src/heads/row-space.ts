// Moves a fit with fewer rows than features to fewer coordinates. A pull towards a centre moves the weights only within
// the rows' span, so the fit needs only as many coordinates as rows.

import { factorize } from "../linalg/cholesky.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { HeadKernels } from "./head-kernels.js";

/** A share of the mean ‖x‖². The ridge keeps equal rows apart, and is far too small to affect a fit. */
const ridgeShare = 1e-9;

interface RowSpace {
  /** (N, N): the rows in an orthonormal basis of their span. */
  readonly features: Matrix;
  /** (classes, N + 1): the centre in that basis, its bias last. */
  readonly centre: Float64Array;
}

/**
 * features: (N, D); centre: (classes, D + 1), bias last. With XXᵀ = LLᵀ the new rows are those of L, and a centre C
 * becomes L⁻¹XC. Products with rows, and distances from the centre within the span, do not change (the representer
 * theorem), up to the ridge.
 */
export function toRowSpace(
  { rows, cols, data }: Matrix,
  centre: Float64Array,
  kernels: Pick<HeadKernels, "gram">,
): RowSpace {
  const columns = new Float64Array(cols * rows);
  for (let i = 0; i < rows; i++) {
    for (let d = 0; d < cols; d++) columns[d * rows + i] = data[i * cols + d]!;
  }
  const products = kernels.gram(columns, rows);
  let trace = 0;
  for (let i = 0; i < rows; i++) trace += products[i * rows + i]!;
  const { upper, pivots } = factorize(products, rows, trace > 0 ? (ridgeShare * trace) / rows : 1);
  const features = createMatrix(rows, rows);
  const roots = pivots.map(Math.sqrt);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) features.data[i * rows + j] = upper[j * rows + i]! * roots[j]!;
  }
  const classes = centre.length / (cols + 1);
  const moved = new Float64Array(classes * (rows + 1));
  for (let c = 0; c < classes; c++) {
    const [from, to] = [c * (cols + 1), c * (rows + 1)];
    for (let i = 0; i < rows; i++) {
      let score = 0;
      for (let d = 0; d < cols; d++) score += data[i * cols + d]! * centre[from + d]!;
      for (let j = 0; j < i; j++) score -= upper[j * rows + i]! * roots[j]! * moved[to + j]!;
      moved[to + i] = score / roots[i]!;
    }
    moved[to + rows] = centre[from + cols]!;
  }
  return { features, centre: moved };
}
