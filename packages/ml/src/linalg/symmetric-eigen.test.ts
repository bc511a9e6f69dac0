import { describe, expect, test } from "vitest";
import { largestDifference, readGolden, toFloat64 } from "../../../../test/golden/heads/read.js";
import { createRandom } from "../tensor/random.js";
import { addGram, mirrorUpper } from "./gram.js";
import { symmetricEigen } from "./symmetric-eigen.js";

interface Golden {
  eigen: { matrix: number[][]; values: number[]; vectors: number[][] };
  repeated: { matrix: number[][]; values: number[] };
}

interface HardCases {
  cases: { name: string; matrix: number[][]; values: number[] }[];
}

/** The largest element of A vᵢ - λᵢ vᵢ and of V Vᵀ - I. */
function residual(matrix: Float64Array, size: number): number {
  const { values, vectors } = symmetricEigen(matrix, size);
  let largest = 0;
  for (let k = 0; k < size; k++) {
    const v = vectors.subarray(k * size, (k + 1) * size);
    for (let i = 0; i < size; i++) {
      let product = 0;
      let inner = 0;
      for (let j = 0; j < size; j++) {
        product += matrix[i * size + j]! * v[j]!;
        inner += vectors[i * size + j]! * v[j]!;
      }
      largest = Math.max(largest, Math.abs(product - values[k]! * v[i]!), Math.abs(inner - (i === k ? 1 : 0)));
    }
  }
  return largest;
}

function randomSymmetric(size: number): Float64Array {
  const random = createRandom(size);
  const matrix = Float64Array.from({ length: size * size }, () => random.normal());
  mirrorUpper(matrix, size);
  return matrix;
}

describe("Eigenvalues and eigenvectors of a symmetric matrix", () => {
  const { eigen, repeated } = readGolden<Golden>("linear-algebra");

  test("equal NumPy's, vectors up to their sign", () => {
    const { values, vectors } = symmetricEigen(toFloat64(eigen.matrix), 7);
    expect(largestDifference(values, eigen.values)).toBeLessThan(1e-12);
    for (const [k, expected] of eigen.vectors.entries()) {
      const own = vectors.subarray(k * 7, (k + 1) * 7);
      const sign = Math.sign(own[0]! * expected[0]!);
      expect(
        largestDifference(
          own.map((value) => sign * value),
          expected,
        ),
      ).toBeLessThan(1e-12);
    }
  });

  test("are right where eigenvalues repeat and where one is zero", () => {
    const { values } = symmetricEigen(toFloat64(repeated.matrix), 5);
    expect(largestDifference(values, repeated.values)).toBeLessThan(1e-13);
    expect(residual(toFloat64(repeated.matrix), 5)).toBeLessThan(1e-13);
  });

  test.each([1, 2, 3, 10, 65])("of size %i satisfy their definition", (size) => {
    expect(residual(randomSymmetric(size), size)).toBeLessThan(1e-12);
  });

  test("of a diagonal, a zero and a badly scaled matrix satisfy it too", () => {
    const diagonal = Float64Array.of(1, 0, 0, 0, -5, 0, 0, 0, 3);
    expect(Array.from(symmetricEigen(diagonal, 3).values)).toEqual([3, 1, -5]);
    expect(Array.from(symmetricEigen(new Float64Array(16), 4).values)).toEqual([0, 0, 0, 0]);
    const tiny = randomSymmetric(6).map((value) => value * 1e-200);
    expect(residual(tiny, 6)).toBeLessThan(1e-12);
    expect(symmetricEigen(tiny, 6).values[0]).toBeGreaterThan(0);
  });

  test.each(readGolden<HardCases>("symmetric-eigen").cases)(
    "equal NumPy's for $name",
    ({ matrix, values: expected }) => {
      const scale = Math.max(expected[0]!, Number.MIN_VALUE);
      const shares = symmetricEigen(toFloat64(matrix), 12).values.map((value) => value / scale);
      expect(
        largestDifference(
          shares,
          expected.map((value) => value / scale),
        ),
      ).toBeLessThan(1e-14);
    },
  );

  test.each([1, 7, 40, 64])("of every rank that a matrix of size %i can have are 0 beyond the rank", (size) => {
    const random = createRandom(size);
    for (let rank = 0; rank <= size; rank++) {
      const rows = Float64Array.from({ length: rank * size }, () => random.normal() / size);
      const matrix = new Float64Array(size * size);
      addGram(matrix, rows, size);
      mirrorUpper(matrix, size);
      const { values } = symmetricEigen(matrix, size);
      expect(values.filter((value) => value > 1e-13)).toHaveLength(rank);
      expect(values.every((value) => value > -1e-13)).toBe(true);
      expect(residual(matrix, size)).toBeLessThan(1e-12);
    }
  });

  test("are refused for NaN and for a wrong size", () => {
    expect(() => symmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow("symmetric matrix");
    expect(() => symmetricEigen(new Float64Array(3), 2)).toThrow("needs 4 values");
  });
});
