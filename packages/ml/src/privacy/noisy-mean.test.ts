import { describe, expect, test } from "vitest";
import { readStatistics, seededBytes } from "../../../../test/golden/statistics.js";
import { createRandom } from "../tensor/random.js";
import { noisyCount, noisyCountProbabilities, noisyCountValues, noisyCountVariance } from "./noisy-count.js";
import { type NoisyMean, noisyMean, noisyMeanDifference } from "./noisy-mean.js";
import { studentQuantile } from "./student-quantile.js";

const covers = ({ low, high }: NoisyMean, truth: number) => low <= truth && truth <= high;

/** One fleet after the other: people with shares of their own, each with one block that both heads answered. */
function fleets(seed: number, people: number, runs: number) {
  const random = createRandom(seed);
  const randomBytes = seededBytes(seed + 1);
  const block = (share: number) => Array.from({ length: 50 }, () => random.next() < share).filter(Boolean).length;
  return Array.from({ length: runs }, () => {
    const shares = Array.from({ length: people }, () => 0.4 + 0.4 * random.next());
    const noisy = (more: number) => shares.map((share) => noisyCount(block(share + more), { randomBytes }));
    return { answering: noisy(0.05), prior: noisy(0) };
  });
}

/** The probability of each error of a noisy count, or of the difference of two. */
function errorOf(count: number, subtracted?: number): Map<number, number> {
  const probabilities = noisyCountProbabilities(count);
  const errors = new Map(noisyCountValues().map((value, i) => [value - count, probabilities[i]!]));
  if (subtracted === undefined) return errors;
  return sumOf(errors, new Map([...errorOf(subtracted)].map(([error, probability]) => [-error, probability])));
}

/** The distribution of the sum of two independent whole numbers. */
function sumOf(first: ReadonlyMap<number, number>, second: ReadonlyMap<number, number>): Map<number, number> {
  const sums = new Map<number, number>();
  for (const [a, p] of first) for (const [b, q] of second) sums.set(a + b, (sums.get(a + b) ?? 0) + p * q);
  return sums;
}

const difference = (values: number[]) => noisyMeanDifference(values, values);

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("The mean of noisy counts", () => {
  test("is the mean over 50, with Student's interval where the values spread more than their noise", () => {
    // The values' mean is 30 and their standard deviation 10; t is 4.302653 for two degrees of freedom.
    const { mean, low, high, values, varianceFrom } = noisyMean([20, 30, 40])!;
    expect({ mean, values, varianceFrom }).toEqual({ mean: 0.6, values: 3, varianceFrom: "sample" });
    const reach = (4.302653 * 10) / Math.sqrt(3) / 50;
    expect(low).toBeCloseTo(0.6 - reach, 6);
    expect(high).toBeCloseTo(0.6 + reach, 6);
  });

  test.each([[[40]], [[40, 40]], [[30, 30, 30, 30]]])("of %j has the interval of the noise alone", (values) => {
    const { mean, low, high, varianceFrom } = noisyMean(values)!;
    const reach = (1.959964 * Math.sqrt(noisyCountVariance / values.length) + 1 / values.length) / 50;
    expect(mean).toBe(values[0]! / 50);
    expect(varianceFrom).toBe("noise");
    expect(high - mean).toBeCloseTo(reach, 6);
    expect(mean - low).toBeCloseTo(reach, 6);
  });

  test("is null for no values", () => {
    expect(noisyMean([])).toBeNull();
    expect(noisyMeanDifference([], [])).toBeNull();
  });

  test("is not clamped, for a mean of noise around zero has to be zero", () => {
    expect(noisyMean([-4, -2])!.mean).toBe(-0.06);
  });

  test("is right on average over 1,000 fleets of 20, and so is the difference of both heads", () => {
    const found = fleets(7, 20, 1000);
    // Four standard errors: a share's deviation is about 0.14 a person, a difference's about 0.11.
    expect(Math.abs(average(found.map((fleet) => noisyMean(fleet.prior)!.mean)) - 0.6)).toBeLessThan(0.004);
    const differences = found.map(({ answering, prior }) => noisyMeanDifference(answering, prior)!.mean);
    expect(Math.abs(average(differences) - 0.05)).toBeLessThan(0.0032);
  });

  test.each([3, 20])("has an interval that covers the truth in about 95 of 100 fleets of %i", (people) => {
    const found = fleets(people, people, 2000);
    const shares = found.filter((fleet) => covers(noisyMean(fleet.prior)!, 0.6)).length / found.length;
    const differences =
      found.filter(({ answering, prior }) => covers(noisyMeanDifference(answering, prior)!, 0.05)).length /
      found.length;
    // Four standard errors of 2,000 fleets are 0.0195.
    expect(shares).toBeGreaterThan(0.93);
    expect(shares).toBeLessThan(0.97);
    expect(differences).toBeGreaterThan(0.93);
    expect(differences).toBeLessThan(0.985);
  });

  test.each([
    { what: "counts of 24", error: errorOf(24), interval: (values: number[]) => noisyMean(values) },
    { what: "counts of 25", error: errorOf(25), interval: (values: number[]) => noisyMean(values) },
    { what: "pairs of even counts", error: errorOf(24, 24), interval: difference },
    { what: "pairs of odd counts", error: errorOf(25, 25), interval: difference },
    { what: "pairs of an odd and an even count", error: errorOf(25, 24), interval: difference },
  ])("covers the mean of one to twelve blocks in at least 95% of all draws for $what", ({ error, interval }) => {
    let errors = new Map([[0, 1]]);
    for (let blocks = 1; blocks <= 12; blocks++) {
      errors = sumOf(errors, error);
      // Equal values have no spread, so their interval is that of the noise alone: the narrowest.
      const { low, high } = interval(new Array<number>(blocks).fill(24))!;
      const reach = ((high - low) / 2) * 50 * blocks;
      const coverage = [...errors].reduce((sum, [e, probability]) => sum + (Math.abs(e) <= reach ? probability : 0), 0);
      expect(coverage).toBeGreaterThan(0.95);
      expect(coverage).toBeLessThan(0.995);
    }
  });

  test("refuses values beside the grid and lists of different lengths", () => {
    for (const value of [-6, 56, 3, 0.5, Number.NaN]) {
      expect(() => noisyMean([10, value])).toThrow(RangeError);
      expect(() => noisyMeanDifference([10], [value])).toThrow(`from -4 to 54, not ${value}`);
    }
    expect(() => noisyMeanDifference([10, 12], [10])).toThrow("2 values of the answering head but 1 of the prior head");
  });
});

describe("Student's quantile", () => {
  test("equals SciPy's", () => {
    for (const { level, freedom, value } of readStatistics().studentQuantiles) {
      expect(Math.abs(studentQuantile(level, freedom) / value - 1)).toBeLessThan(1e-10);
    }
  });

  test("is the same from 10,000 degrees of freedom, and 0.02% above the normal distribution's at most", () => {
    expect(studentQuantile(0.95, 1e9)).toBe(studentQuantile(0.95, 10_000));
    expect(studentQuantile(0.95, 1e9) / 1.959963984540054).toBeLessThan(1.0002);
  });

  test("is refused for a level or a freedom that is out of range", () => {
    for (const level of [0, 1, Number.NaN]) expect(() => studentQuantile(level, 3)).toThrow(`not at ${level}`);
    for (const freedom of [0, 1.5, Number.NaN]) expect(() => studentQuantile(0.95, freedom)).toThrow(`not ${freedom}`);
  });
});
