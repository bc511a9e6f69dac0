import { expect, test } from "vitest";
import { createMatrix } from "../tensor/matrix.js";
import { pool, pooledSize } from "./pooling.js";

const hidden = createMatrix(3, 2, Float32Array.of(1, -2, 3, -4, 100, 100));
const mask = Uint8Array.of(1, 1, 0);

test("takes the first token's vector, as a copy", () => {
  const pooled = pool(hidden, mask, "cls");
  expect([...pooled]).toEqual([1, -2]);
  pooled[0] = 9;
  expect(hidden.data[0]).toBe(1);
});

test("takes mean and maximum over real tokens only", () => {
  expect([...pool(hidden, mask, "mean")]).toEqual([2, -3]);
  expect([...pool(hidden, mask, "mean-max")]).toEqual([2, -3, 3, -2]);
  expect([...pool(hidden, undefined, "mean-max")].slice(2)).toEqual([100, 100]);
});

test("says how many features it gives", () => {
  for (const pooling of ["cls", "mean", "mean-max"] as const) {
    expect(pool(hidden, mask, pooling)).toHaveLength(pooledSize(2, pooling));
  }
});

test("refuses nothing to pool and a mask of another length", () => {
  expect(() => pool(createMatrix(0, 2), undefined, "cls")).toThrow("No token to pool");
  expect(() => pool(hidden, new Uint8Array(3), "mean")).toThrow("No real token to pool");
  expect(() => pool(hidden, new Uint8Array(2), "mean")).toThrow("A mask of 2 for 3 tokens");
});
