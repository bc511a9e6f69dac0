// What the linear and the closed-form heads share of the C kernels: how right-hand sides are padded, and when a matrix is singular.
import { MlError } from "../error.js";

/** Classes of a descent are padded to a multiple of these; so are the right-hand sides of a solution. */
export const padding = 8;

/** The twin's: a pivot below this many roundings of the largest diagonal element is not told apart from zero. */
const roundingsPerPivot = 16;

/** upper: A by its upper triangle → the factor of A + ridge·I. Throws `singular`. */
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
