// All eigenvalues and eigenvectors of a symmetric matrix in float64: Householder tridiagonalisation, then implicit QL.
// Source: Wilkinson and Reinsch 1971, "Handbook for Automatic Computation II", tred2 and imtql2, here with
// every loop along rows.

import { assertFinite, MlError } from "../error.js";

interface SymmetricEigen {
  /** In descending order. */
  readonly values: Float64Array;
  /** (size, size) row-major: row k is the unit eigenvector of values[k]. */
  readonly vectors: Float64Array;
}

const maxSweeps = 60;

/**
 * A (size, size) is symmetric, with both triangles filled, and left untouched. O(size³).
 * Values are right within rounding of the largest value, whatever the rank. Throws `not-finite` and `shape`.
 */
export function symmetricEigen(matrix: Float64Array, size: number): SymmetricEigen {
  if (size < 1 || matrix.length !== size * size) {
    throw new MlError("shape", `A ${size} x ${size} matrix needs ${size * size} values, not ${matrix.length}`);
  }
  assertFinite("The symmetric matrix", matrix);
  // A power of two changes no digit. With elements near 1 nothing overflows, and a number that underflows is
  // too small to matter.
  const scale = powerOfTwo(matrix);
  const scaled = matrix.map((value) => value * scale);
  const { diagonal, offDiagonal, basis } = tridiagonalise(scaled, size);
  implicitQl(diagonal, offDiagonal, basis);
  return sortDescending(
    diagonal.map((value) => value / scale),
    basis,
  );
}

/** The factor that brings the largest element near 1, as far as one factor can. */
function powerOfTwo(matrix: Float64Array): number {
  const largest = matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest === 0 ? 1 : 2 ** -Math.max(-1000, Math.floor(Math.log2(largest)));
}

interface Tridiagonal {
  diagonal: Float64Array;
  /** offDiagonal[i] couples i and i + 1. */
  offDiagonal: Float64Array;
  /** Rows are the transposed orthogonal basis: A = basisᵀ T basis. */
  basis: Float64Array;
}

function tridiagonalise(a: Float64Array, n: number): Tridiagonal {
  const offDiagonal = new Float64Array(n);
  const reflectors: { v: Float64Array; beta: number }[] = [];
  for (let k = 0; k + 2 < n; k++) {
    // Row k right of the diagonal equals column k below it. The reflection by v maps it onto a multiple of
    // the first unit vector.
    const v = a.slice(k * n + k + 1, (k + 1) * n);
    const beta = householder(v);
    offDiagonal[k] = beta.image;
    reflectors.push({ v, beta: beta.beta });
    if (beta.beta !== 0) reflectBothSides(a, { n, from: k + 1, v, beta: beta.beta });
  }
  if (n >= 2) offDiagonal[n - 2] = a[(n - 2) * n + n - 1]!;
  const diagonal = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    diagonal[i] = a[i * n + i]!;
  }
  return { diagonal, offDiagonal, basis: accumulateReflectors(reflectors, n) };
}

/**
 * Replaces x by v so that (I - beta v vᵀ) x = image e₁. Scaling by the largest element avoids overflow and underflow.
 */
function householder(x: Float64Array): { beta: number; image: number } {
  let scale = 0;
  for (let i = 1; i < x.length; i++) {
    scale = Math.max(scale, Math.abs(x[i]!));
  }
  if (scale === 0) return { beta: 0, image: x[0]! };
  scale = Math.max(scale, Math.abs(x[0]!));
  let squares = 0;
  for (let i = 0; i < x.length; i++) {
    x[i]! /= scale;
    squares += x[i]! * x[i]!;
  }
  const norm = Math.sqrt(squares);
  const image = x[0]! > 0 ? -norm : norm;
  const beta = 1 / (squares - x[0]! * image);
  x[0]! -= image;
  return { beta, image: image * scale };
}

/** Replaces the trailing block B of a, which begins at row `from`, by H B H with H = I - beta v vᵀ. */
function reflectBothSides(
  a: Float64Array,
  { n, from, v, beta }: { n: number; from: number; v: Float64Array; beta: number },
): void {
  const size = v.length;
  const w = new Float64Array(size);
  let projection = 0;
  for (let i = 0; i < size; i++) {
    const row = (from + i) * n + from;
    let sum = 0;
    for (let j = 0; j < size; j++) {
      sum += a[row + j]! * v[j]!;
    }
    w[i] = beta * sum;
    projection += w[i]! * v[i]!;
  }
  const half = (beta * projection) / 2;
  for (let i = 0; i < size; i++) {
    w[i]! -= half * v[i]!;
  }
  for (let i = 0; i < size; i++) {
    const row = (from + i) * n + from;
    const vi = v[i]!;
    const wi = w[i]!;
    for (let j = 0; j < size; j++) {
      a[row + j]! -= vi * w[j]! + wi * v[j]!;
    }
  }
}

/**
 * The transposed product of all reflectors. It is built from the last reflector on, so that each reflector touches
 * only its trailing block.
 */
function accumulateReflectors(reflectors: { v: Float64Array; beta: number }[], n: number): Float64Array {
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    basis[i * n + i] = 1;
  }
  for (let k = reflectors.length - 1; k >= 0; k--) {
    const { v, beta } = reflectors[k]!;
    if (beta === 0) continue;
    // basis holds Qᵀ. Q ← H Q means that each row r of Qᵀ loses beta (r · v) vᵀ.
    for (let i = k + 1; i < n; i++) {
      const row = i * n + k + 1;
      let sum = 0;
      for (let j = 0; j < v.length; j++) {
        sum += basis[row + j]! * v[j]!;
      }
      sum *= beta;
      for (let j = 0; j < v.length; j++) {
        basis[row + j]! -= sum * v[j]!;
      }
    }
  }
  return basis;
}

/**
 * Diagonalises the tridiagonal matrix in place; each rotation is applied to two neighbouring rows of the basis.
 * A coupling is dropped when it is small beside the whole matrix: no eigenvalue moves further than that.
 * A comparison with the two neighbours (imtql2) would never drop a coupling between neighbours that are rounding noise.
 * A comparison with the largest element so far (tql2) would fail where small rows come first.
 */
function implicitQl(d: Float64Array, e: Float64Array, basis: Float64Array): void {
  const n = d.length;
  const negligible = Number.EPSILON * largestCoupled(d, e);
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m + 1 < n && Math.abs(e[m]!) > negligible) m++;
      if (m === l) break;
      if (sweep === maxSweeps) {
        throw new MlError("singular", `Eigenvalue ${l} did not converge in ${maxSweeps} sweeps`);
      }
      qlSweep(d, e, { basis, l, m });
    }
  }
}

/** The largest sum of a diagonal element and its coupling: within a factor of two of the matrix's norm. */
function largestCoupled(d: Float64Array, e: Float64Array): number {
  return d.reduce((largest, value, i) => Math.max(largest, Math.abs(value) + Math.abs(e[i]!)), 0);
}

function qlSweep(
  d: Float64Array,
  e: Float64Array,
  { basis, l, m }: { basis: Float64Array; l: number; m: number },
): void {
  const n = d.length;
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  let r = Math.hypot(g, 1);
  g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
  let sine = 1;
  let cosine = 1;
  let p = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // An underflow split the matrix. The shift is undone, and the next sweep finds the split.
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - p;
    r = (d[i]! - g) * sine + 2 * cosine * b;
    p = sine * r;
    d[i + 1] = g + p;
    g = cosine * r - b;
    const row = i * n;
    for (let k = row; k < row + n; k++) {
      const upper = basis[k]!;
      const lower = basis[k + n]!;
      basis[k + n] = sine * upper + cosine * lower;
      basis[k] = cosine * upper - sine * lower;
    }
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

function sortDescending(values: Float64Array, basis: Float64Array): SymmetricEigen {
  const n = values.length;
  const order = Array.from(values.keys()).sort((x, y) => values[y]! - values[x]! || x - y);
  const vectors = new Float64Array(n * n);
  for (const [k, source] of order.entries()) {
    vectors.set(basis.subarray(source * n, (source + 1) * n), k * n);
  }
  return { values: Float64Array.from(order, (i) => values[i]!), vectors };
}
