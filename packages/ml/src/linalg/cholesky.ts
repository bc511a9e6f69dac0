// Cholesky factors of symmetric positive definite matrices in float64: factor, solve, and rank-1 updates and downdates
// that keep a factor current.

import { MlError } from "../error.js";

/** A = Uᵀ D U, where U is unit upper triangular. Rows of U are contiguous, so every loop below runs along memory. */
export interface Cholesky {
  readonly size: number;
  /** U, (size, size) row-major. Only the part right of the diagonal is used (the diagonal is 1). */
  readonly upper: Float64Array;
  /** D, whose elements are all positive. */
  readonly pivots: Float64Array;
}

/** A pivot below this many roundings of the largest diagonal element counts as zero. */
const roundingsPerPivot = 16;

/**
 * The factor of A + ridge·I. A (size, size) is given by its upper triangle and left untouched. O(size³ / 6).
 * Throws `singular` when a pivot is not safely positive: the system then has no usable solution.
 */
export function factorize(matrix: Float64Array, size: number, ridge = 0): Cholesky {
  if (matrix.length !== size * size) {
    throw new MlError("shape", `A ${size} x ${size} matrix needs ${size * size} values, not ${matrix.length}`);
  }
  const upper = matrix.slice();
  const pivots = new Float64Array(size);
  let largest = 0;
  for (let i = 0; i < size; i++) {
    upper[i * size + i]! += ridge;
    largest = Math.max(largest, Math.abs(upper[i * size + i]!));
  }
  const smallest = Math.max(roundingsPerPivot * size * Number.EPSILON * largest, Number.MIN_VALUE);
  for (let i = 0; i < size; i++) {
    subtractEarlierRows(upper, pivots, i);
    const pivot = upper[i * size + i]!;
    if (!(pivot > smallest) || pivot === Number.POSITIVE_INFINITY) {
      throw new MlError(
        "singular",
        `The matrix is singular: pivot ${i} of ${size} is ${pivot.toExponential(2)}; use a larger l2 or more rows`,
      );
    }
    pivots[i] = pivot;
    const inverse = 1 / pivot;
    upper[i * size + i] = 1;
    for (let k = i * size + i + 1; k < (i + 1) * size; k++) {
      upper[k]! *= inverse;
    }
  }
  return { size, upper, pivots };
}

/**
 * Subtracts from row i of A the share that the finished rows j < i explain; four rows at a time save memory traffic.
 */
function subtractEarlierRows(upper: Float64Array, pivots: Float64Array, i: number): void {
  const size = pivots.length;
  const own = i * size;
  let j = 0;
  for (; j + 4 <= i; j += 4) {
    const r0 = j * size;
    const r1 = r0 + size;
    const r2 = r1 + size;
    const r3 = r2 + size;
    const f0 = upper[r0 + i]! * pivots[j]!;
    const f1 = upper[r1 + i]! * pivots[j + 1]!;
    const f2 = upper[r2 + i]! * pivots[j + 2]!;
    const f3 = upper[r3 + i]! * pivots[j + 3]!;
    for (let k = i; k < size; k++) {
      upper[own + k]! -= f0 * upper[r0 + k]! + f1 * upper[r1 + k]! + f2 * upper[r2 + k]! + f3 * upper[r3 + k]!;
    }
  }
  for (; j < i; j++) {
    const r = j * size;
    const f = upper[r + i]! * pivots[j]!;
    for (let k = i; k < size; k++) {
      upper[own + k]! -= f * upper[r + k]!;
    }
  }
}

/**
 * Solves A x = b in place for each of the `rhs.length / size` right-hand sides, which stand one after the other in
 * `rhs`. Four right-hand sides at a time share each load of the factor; the remaining ones go one by one.
 */
export function solveInPlace(cholesky: Cholesky, rhs: Float64Array): void {
  const { size } = cholesky;
  let start = 0;
  for (; start + 4 * size <= rhs.length; start += 4 * size) {
    solveFour(cholesky, rhs.subarray(start, start + 4 * size));
  }
  for (; start < rhs.length; start += size) {
    solveOne(cholesky, rhs.subarray(start, start + size));
  }
}

function solveOne(cholesky: Cholesky, x: Float64Array): void {
  const { size, pivots } = cholesky;
  forwardSubstitute(cholesky, x);
  for (let j = 0; j < size; j++) {
    x[j]! /= pivots[j]!;
  }
  backSubstitute(cholesky, x);
}

function solveFour({ size, upper, pivots }: Cholesky, x: Float64Array): void {
  const size2 = 2 * size;
  const size3 = 3 * size;
  for (let j = 0; j < size; j++) {
    const row = j * size;
    const k0 = x[j]!;
    const k1 = x[size + j]!;
    const k2 = x[size2 + j]!;
    const k3 = x[size3 + j]!;
    for (let r = j + 1; r < size; r++) {
      const u = upper[row + r]!;
      x[r]! -= k0 * u;
      x[size + r]! -= k1 * u;
      x[size2 + r]! -= k2 * u;
      x[size3 + r]! -= k3 * u;
    }
  }
  for (let j = size - 1; j >= 0; j--) {
    const row = j * size;
    const pivot = pivots[j]!;
    let s0 = x[j]! / pivot;
    let s1 = x[size + j]! / pivot;
    let s2 = x[size2 + j]! / pivot;
    let s3 = x[size3 + j]! / pivot;
    for (let r = j + 1; r < size; r++) {
      const u = upper[row + r]!;
      s0 -= u * x[r]!;
      s1 -= u * x[size + r]!;
      s2 -= u * x[size2 + r]!;
      s3 -= u * x[size3 + r]!;
    }
    x[j] = s0;
    x[size + j] = s1;
    x[size2 + j] = s2;
    x[size3 + j] = s3;
  }
}

/** x ← U⁻ᵀ x. */
function forwardSubstitute({ size, upper }: Cholesky, x: Float64Array): void {
  for (let j = 0; j < size; j++) {
    const known = x[j]!;
    const row = j * size;
    for (let r = j + 1; r < size; r++) {
      x[r]! -= known * upper[row + r]!;
    }
  }
}

/** x ← U⁻¹ x. Four sums run side by side, because a single sum would wait for itself. */
function backSubstitute({ size, upper }: Cholesky, x: Float64Array): void {
  for (let j = size - 2; j >= 0; j--) {
    const row = j * size;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let r = j + 1;
    for (; r + 4 <= size; r += 4) {
      s0 += upper[row + r]! * x[r]!;
      s1 += upper[row + r + 1]! * x[r + 1]!;
      s2 += upper[row + r + 2]! * x[r + 2]!;
      s3 += upper[row + r + 3]! * x[r + 3]!;
    }
    for (; r < size; r++) {
      s0 += upper[row + r]! * x[r]!;
    }
    x[j]! -= s0 + s1 + (s2 + s3);
  }
}

/** Scratch memory for the rank-1 changes, so that a stream of changes allocates nothing. */
interface RankOneScratch {
  readonly residual: Float64Array;
  readonly gain: Float64Array;
}

export function createRankOneScratch(size: number): RankOneScratch {
  return { residual: new Float64Array(size), gain: new Float64Array(size) };
}

/**
 * Turns the factor of A into the factor of A + v vᵀ. O(size²).
 * Afterwards `scratch.gain` holds (A + v vᵀ)⁻¹ v, which the method yields for one more back-substitution.
 * Source: Gill, Golub, Murray and Saunders 1974, "Methods for modifying matrix factorizations", method C1.
 */
export function rankOneUpdate(cholesky: Cholesky, v: Float64Array, scratch: RankOneScratch): void {
  scratch.residual.set(v);
  changeRankOne(cholesky, scratch, 1);
  backSubstitute(cholesky, scratch.gain);
}

/**
 * Turns the factor of A into the factor of A - v vᵀ and leaves -(A - v vᵀ)⁻¹ v in `scratch.gain`. Returns false,
 * without any change, when the result would not be safely positive definite. The caller then factors its sums again.
 */
export function rankOneDowndate(cholesky: Cholesky, v: Float64Array, scratch: RankOneScratch): boolean {
  const { size, pivots } = cholesky;
  const { residual } = scratch;
  residual.set(v);
  forwardSubstitute(cholesky, residual);
  let explained = 0;
  for (let j = 0; j < size; j++) {
    explained += (residual[j]! * residual[j]!) / pivots[j]!;
  }
  // 1 - explained is the factor by which the determinant shrinks. The rounding error of the result grows with the
  // inverse of that factor.
  if (!(1 - explained > minShrinkage)) return false;
  residual.set(v);
  changeRankOne(cholesky, scratch, -1);
  backSubstitute(cholesky, scratch.gain);
  return true;
}

const minShrinkage = 1e-3;

/** Changes two rows in each round, so that the residual is loaded and stored once for both. */
function changeRankOne({ size, upper, pivots }: Cholesky, { residual, gain }: RankOneScratch, sign: 1 | -1): void {
  let alpha: number = sign;
  let j = 0;
  for (; j + 1 < size; j += 2) {
    const row0 = j * size;
    const row1 = row0 + size;
    const p0 = residual[j]!;
    const scaled0 = alpha * p0;
    const pivot0 = pivots[j]! + scaled0 * p0;
    const b0 = scaled0 / pivot0;
    alpha *= pivots[j]! / pivot0;
    pivots[j] = pivot0;
    gain[j] = b0;

    const p1 = residual[j + 1]! - p0 * upper[row0 + j + 1]!;
    upper[row0 + j + 1]! += b0 * p1;
    const scaled1 = alpha * p1;
    const pivot1 = pivots[j + 1]! + scaled1 * p1;
    const b1 = scaled1 / pivot1;
    alpha *= pivots[j + 1]! / pivot1;
    pivots[j + 1] = pivot1;
    gain[j + 1] = b1;

    for (let r = j + 2; r < size; r++) {
      const u0 = upper[row0 + r]!;
      const u1 = upper[row1 + r]!;
      const after0 = residual[r]! - p0 * u0;
      const after1 = after0 - p1 * u1;
      upper[row0 + r] = u0 + b0 * after0;
      upper[row1 + r] = u1 + b1 * after1;
      residual[r] = after1;
    }
  }
  if (j < size) {
    const p = residual[j]!;
    const pivot = pivots[j]! + alpha * p * p;
    gain[j] = (alpha * p) / pivot;
    pivots[j] = pivot;
  }
}
