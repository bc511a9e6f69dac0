import { describe, expect, test } from "vitest";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createRandom } from "../tensor/random.js";
import { addGram, addOuterProduct, mirrorUpper } from "./gram.js";

/** XᵀX by definition, both triangles. */
function plainGram(x: Float64Array, size: number): Float64Array {
  const gram = new Float64Array(size * size);
  for (let n = 0; n < x.length / size; n++) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        gram[i * size + j]! += x[n * size + i]! * x[n * size + j]!;
      }
    }
  }
  return gram;
}

describe("The Gram matrix", () => {
  test.each([
    [1, 1],
    [3, 2],
    [4, 5],
    [9, 8],
    [11, 7],
  ])("of %i rows of %i values equals its definition", (rows, size) => {
    const random = createRandom(rows);
    const x = Float64Array.from({ length: rows * size }, () => random.normal());
    const gram = new Float64Array(size * size);
    addGram(gram, x, size);
    mirrorUpper(gram, size);
    expect(largestDifference(gram, plainGram(x, size))).toBeLessThan(1e-12);
  });

  test("loses a row again", () => {
    const gram = new Float64Array(9);
    addOuterProduct(gram, Float64Array.of(1, 2, 3), 1);
    addOuterProduct(gram, Float64Array.of(0.5, -4, 8), 1);
    addOuterProduct(gram, Float64Array.of(1, 2, 3), -1);
    expect(Array.from(gram)).toEqual([0.25, -2, 4, 0, 16, -32, 0, 0, 64]);
  });
});
