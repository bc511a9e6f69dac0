// Reads a golden file that generate_heads.py wrote.

import { readFileSync } from "node:fs";
import { type Matrix, matrixFromRows } from "@attune/ml/tensor/matrix";

/** The caller states the shape, which generate_heads.py defines. */
export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), "utf8")) as T;
}

export function toMatrix(rows: readonly (readonly number[])[]): Matrix {
  return matrixFromRows(rows);
}

/** Rows one after the other, float64. */
export function toFloat64(rows: readonly (readonly number[])[]): Float64Array {
  return Float64Array.from(rows.flat());
}

/** The largest difference between two equally long lists of numbers. */
export function largestDifference(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length) throw new Error(`${x.length} numbers compared with ${y.length}`);
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i]! - y[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}
