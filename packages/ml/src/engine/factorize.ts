// The linear and the closed-form heads share these rules of the C kernels: how right-hand sides are padded, and when
// a matrix is singular.

import { MlError } from "../error.js";

/**
 * The number of classes of a descent is padded to a multiple of this; so is the number of right-hand
 * sides of a solution.
 */
export const padding = 8;

/** The same limit as in the twin: a pivot below this many roundings of the largest diagonal element counts as zero. */
const roundingsPerPivot = 16;

/** upper: the upper triangle of A → the factor of A + ridge·I. Throws `singular`. */
export function factorizeInPlace(
  call: (smallest: number) => number,
  { upper, size, ridge }: { upper: Float64Array; size: number; ridge: number },
): void {
  let largest = 0;
  for (let i = 0; i < size; i++) {
    upper[i * size + i]! += ridge;
    largest = Math.max(largest, Math.abs(upper[i * size + i]!));
  }
  const smallest = Math.max(roundingsPerPivot * size * Number.EPSILON * largest, Number.MIN_VALUE);
  const failed = Number.isFinite(smallest) ? call(smallest) : 1;
  if (failed !== 0) {
    throw new MlError(
      "singular",
      `The matrix is singular: pivot ${failed - 1} of ${size}; use a larger l2 or more rows`,
    );
  }
}
