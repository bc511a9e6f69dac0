// Pools one vector per token into one vector per text.

import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";

/**
 * `cls` takes the first token's vector. `mean` averages over real tokens. `mean-max` appends to the mean each feature's
 * maximum over real tokens.
 */
export const poolings = ["cls", "mean", "mean-max"] as const;
export type Pooling = (typeof poolings)[number];

/** The number of features of a pooled text, for an encoder `hiddenSize` wide. */
export function pooledSize(hiddenSize: number, pooling: Pooling): number {
  return pooling === "mean-max" ? 2 * hiddenSize : hiddenSize;
}

/**
 * hidden: (T, H); mask: (T), 1 = real, undefined = all real → (H), or (2H) for `mean-max`. Throws `empty` when
 * no token is real.
 */
export function pool(hidden: Matrix, mask: Uint8Array | undefined, pooling: Pooling): Float32Array {
  const { rows, cols, data } = hidden;
  if (mask !== undefined && mask.length !== rows) {
    throw new MlError("shape", `A mask of ${mask.length} for ${rows} tokens`);
  }
  if (pooling === "cls") {
    if (rows === 0) throw new MlError("empty", "No token to pool");
    return data.slice(0, cols);
  }
  const sums = new Float64Array(cols);
  const maxima = new Float32Array(cols).fill(Number.NEGATIVE_INFINITY);
  let real = 0;
  for (let t = 0; t < rows; t++) {
    if (mask !== undefined && mask[t] === 0) continue;
    real++;
    for (let c = 0; c < cols; c++) {
      const value = data[t * cols + c]!;
      sums[c]! += value;
      if (value > maxima[c]!) maxima[c] = value;
    }
  }
  if (real === 0) throw new MlError("empty", "No real token to pool");
  const pooled = new Float32Array(pooledSize(cols, pooling));
  for (let c = 0; c < cols; c++) {
    pooled[c] = sums[c]! / real;
  }
  if (pooling === "mean-max") pooled.set(maxima, cols);
  return pooled;
}
