import { describe, expect, test } from "vitest";
import { chiSquare, readStatistics, seededBytes } from "../../../../test/golden/statistics.js";
import {
  clampingBias,
  noisyCount,
  noisyCountProbabilities,
  noisyCountValues,
  noisyCountVariance,
  worstClampingBias,
} from "./noisy-count.js";

const { noisyCounts, chiSquareLimits } = readStatistics();
const counts = Array.from({ length: 51 }, (_, count) => count);

describe("The grid of noisy counts", () => {
  test("has the 30 even values from -4 to 54, so two counts or no block are 9.82 bits", () => {
    const values = noisyCountValues();
    expect(values).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i - 4));
    expect(Math.log2(values.length ** 2 + 1)).toBeCloseTo(9.815, 3);
  });
});

describe("The distribution of a noisy count", () => {
  test("equals SciPy's discrete Laplace distribution, rounded and clamped sum by sum", () => {
    for (const { count, probabilities } of noisyCounts) {
      const found = noisyCountProbabilities(count);
      found.forEach((probability, i) => {
        expect(Math.abs(probability / probabilities[i]! - 1)).toBeLessThan(1e-12);
      });
    }
  });

  test("sums to one for each count", () => {
    for (const count of counts) {
      const sum = noisyCountProbabilities(count).reduce((total, probability) => total + probability, 0);
      expect(sum).toBeCloseTo(1, 14);
    }
  });

  test("changes each probability by at most e when one score changes, and reaches e", () => {
    const ratios = counts.slice(1).flatMap((count) => {
      const [fewer, more] = [noisyCountProbabilities(count - 1), noisyCountProbabilities(count)];
      return Array.from(more, (probability, i) => Math.max(probability / fewer[i]!, fewer[i]! / probability));
    });
    expect(ratios).toHaveLength(50 * 30);
    // The doubles of a closed form carry a few rounding errors of 2^-53.
    expect(Math.max(...ratios)).toBeLessThanOrEqual(Math.E * (1 + 2e-15));
    expect(Math.max(...ratios)).toBeGreaterThan(Math.E * (1 - 2e-15));
  });

  test("is biased by clamping alone: 0.0078 answers at counts 0 and 50, towards the middle, and nothing between", () => {
    expect(worstClampingBias()).toBeCloseTo(0.0078, 4);
    expect(clampingBias(0)).toBe(worstClampingBias());
    for (const count of counts) expect(clampingBias(50 - count)).toBeCloseTo(-clampingBias(count), 12);
    for (const count of counts.slice(0, 25)) expect(clampingBias(count)).toBeGreaterThan(clampingBias(count + 1));
    expect(Math.abs(clampingBias(25))).toBeLessThan(1e-12);
  });

  test("has at most the known variance, which odd counts in the middle reach", () => {
    const variances = counts.map((count) => {
      const probabilities = noisyCountProbabilities(count);
      const values = noisyCountValues();
      const mean = values.reduce((sum, value, i) => sum + probabilities[i]! * value, 0);
      return values.reduce((sum, value, i) => sum + probabilities[i]! * (value - mean) ** 2, 0);
    });
    expect(Math.max(...variances)).toBeLessThanOrEqual(noisyCountVariance + 1e-9);
    expect(variances[25]).toBeCloseTo(noisyCountVariance, 7);
  });
});

describe("A noisy count", () => {
  test.each([0, 1, 25, 50])("of %i right answers follows its distribution in 100,000 draws", (count) => {
    const randomBytes = seededBytes(count);
    const values = noisyCountValues();
    const expected = new Map(Array.from(noisyCountProbabilities(count), (p, i) => [values[i]!, p]));
    const { statistic, freedom } = chiSquare(() => noisyCount(count, { randomBytes }), 100_000, expected);
    expect(freedom).toBeGreaterThan(4);
    expect(statistic).toBeLessThan(chiSquareLimits.byFreedom[freedom]!);
  });

  test.each([-1, 51, 0.5, Number.NaN, Number.POSITIVE_INFINITY])("is refused for a count of %s", (count) => {
    expect(() => noisyCount(count, { randomBytes: seededBytes(1) })).toThrow(RangeError);
    expect(() => noisyCountProbabilities(count)).toThrow(`from 0 to 50, not ${count}`);
  });
});
