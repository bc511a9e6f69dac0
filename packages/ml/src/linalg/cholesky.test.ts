import { describe, expect, test } from "vitest";
import { largestDifference, readGolden, toFloat64 } from "../../../../test/golden/heads/read.js";
import { createRandom } from "../tensor/random.js";
import {
  type Cholesky,
  createRankOneScratch,
  factorize,
  rankOneDowndate,
  rankOneUpdate,
  solveInPlace,
} from "./cholesky.js";
import { addOuterProduct } from "./gram.js";

interface Golden {
  cholesky: { matrix: number[][]; lower: number[][]; rhs: number[][]; solution: number[][] };
}

/** L = Uᵀ √D, as NumPy returns it. */
function lowerFactor({ size, upper, pivots }: Cholesky): Float64Array {
  const lower = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      lower[i * size + j] = upper[j * size + i]! * Math.sqrt(pivots[j]!);
    }
  }
  return lower;
}

function randomVector(size: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: size }, () => random.normal());
}

/** Σ v vᵀ over `vectors`, upper triangle. */
function sumOfOuterProducts(vectors: Float64Array[], size: number): Float64Array {
  const gram = new Float64Array(size * size);
  for (const v of vectors) {
    addOuterProduct(gram, v, 1);
  }
  return gram;
}

describe("Cholesky factors", () => {
  const { matrix, lower, rhs, solution } = readGolden<Golden>("linear-algebra").cholesky;

  test("equal NumPy's, from the upper triangle alone", () => {
    const a = toFloat64(matrix);
    for (let i = 1; i < 6; i++) {
      a.fill(Number.NaN, i * 6, i * 6 + i);
    }
    expect(largestDifference(lowerFactor(factorize(a, 6)), toFloat64(lower))).toBeLessThan(1e-12);
  });

  test("solve for one and for five right-hand sides as SciPy does", () => {
    const cholesky = factorize(toFloat64(matrix), 6);
    const all = toFloat64(rhs);
    const one = all.slice(0, 6);
    solveInPlace(cholesky, all);
    solveInPlace(cholesky, one);
    expect(largestDifference(all, toFloat64(solution))).toBeLessThan(1e-11);
    expect(largestDifference(one, solution[0]!)).toBeLessThan(1e-11);
  });

  test.each([1, 2, 5, 13])("of size %i solve for the identity's columns with the inverse", (size) => {
    const vectors = Array.from({ length: 2 * size }, (_, i) => randomVector(size, i));
    const gram = sumOfOuterProducts(vectors, size);
    const identity = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const inverse = identity.slice();
    solveInPlace(factorize(gram, size, 0.1), inverse);
    const product = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        for (let k = 0; k < size; k++) {
          const element = gram[Math.min(i, k) * size + Math.max(i, k)]! + (i === k ? 0.1 : 0);
          product[i * size + j]! += element * inverse[k * size + j]!;
        }
      }
    }
    expect(largestDifference(product, identity)).toBeLessThan(1e-9);
  });

  test.each([1, 2, 3, 7, 24])("of size %i follow rank-1 updates and downdates", (size) => {
    const vectors = Array.from({ length: 3 * size }, (_, i) => randomVector(size, i));
    const scratch = createRankOneScratch(size);
    const cholesky = factorize(new Float64Array(size * size), size, 0.5);
    for (const v of vectors) {
      rankOneUpdate(cholesky, v, scratch);
    }
    const whole = factorize(sumOfOuterProducts(vectors, size), size, 0.5);
    expect(largestDifference(lowerFactor(cholesky), lowerFactor(whole))).toBeLessThan(1e-11);

    for (const v of vectors.slice(0, size)) {
      expect(rankOneDowndate(cholesky, v, scratch)).toBe(true);
    }
    const rest = factorize(sumOfOuterProducts(vectors.slice(size), size), size, 0.5);
    expect(largestDifference(lowerFactor(cholesky), lowerFactor(rest))).toBeLessThan(1e-10);
  });

  test("give the gain of an update and of a downdate", () => {
    const size = 9;
    const vectors = Array.from({ length: 12 }, (_, i) => randomVector(size, i));
    const scratch = createRankOneScratch(size);
    const v = randomVector(size, 99);
    const cholesky = factorize(sumOfOuterProducts(vectors, size), size, 1);
    rankOneUpdate(cholesky, v, scratch);
    const expected = v.slice();
    solveInPlace(cholesky, expected);
    expect(largestDifference(scratch.gain, expected)).toBeLessThan(1e-13);

    rankOneDowndate(cholesky, v, scratch);
    const negated = v.map((value) => -value);
    solveInPlace(cholesky, negated);
    expect(largestDifference(scratch.gain, negated)).toBeLessThan(1e-13);
  });

  test("refuse a downdate that would not leave them positive definite, and stay as they were", () => {
    const cholesky = factorize(new Float64Array(16), 4, 1);
    const before = lowerFactor(cholesky);
    const scratch = createRankOneScratch(4);
    expect(rankOneDowndate(cholesky, Float64Array.of(1, 0, 0, 0), scratch)).toBe(false);
    expect(rankOneDowndate(cholesky, Float64Array.of(0, 3, 0, 0), scratch)).toBe(false);
    expect(lowerFactor(cholesky)).toEqual(before);
  });

  test.each([
    ["of rank one", [1, 2, 2, 4]],
    ["indefinite", [1, 3, 3, 1]],
    ["zero", [0, 0, 0, 0]],
    ["not a number", [1, Number.NaN, Number.NaN, 1]],
    ["infinite", [1, 0, 0, Number.POSITIVE_INFINITY]],
  ])("of a matrix that is %s do not exist: the error says singular", (_, values) => {
    expect(() => factorize(Float64Array.from(values), 2)).toThrow("singular");
  });

  test("refuse a matrix of another size", () => {
    expect(() => factorize(new Float64Array(5), 2)).toThrow("A 2 x 2 matrix needs 4 values, not 5");
  });
});
