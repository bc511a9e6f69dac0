import { expect, test } from "vitest";
import { chiSquare, readStatistics, seededBytes } from "../../../../test/golden/statistics.js";
import { discreteLaplace } from "./discrete-laplace.js";
import { noisyCount, noisyCountProbabilities, noisyCountValues } from "./noisy-count.js";

const draws = 1_000_000;
const { byFreedom } = readStatistics().chiSquareLimits;

test("a million draws of the noise follow the discrete Laplace distribution", () => {
  const randomBytes = seededBytes(2020);
  const q = Math.exp(-1);
  const noises = Array.from({ length: 81 }, (_, i) => i - 40);
  const expected = new Map(noises.map((noise) => [noise, ((1 - q) / (1 + q)) * q ** Math.abs(noise)]));
  const draw = () => discreteLaplace({ numerator: 1, denominator: 1 }, randomBytes);
  const { statistic, freedom } = chiSquare(draw, draws, expected);
  expect(freedom).toBeGreaterThan(20);
  expect(statistic).toBeLessThan(byFreedom[freedom]!);
});

test.each([0, 25, 47])("a million noisy counts of %i follow their distribution", (count) => {
  const randomBytes = seededBytes(count);
  const values = noisyCountValues();
  const expected = new Map(Array.from(noisyCountProbabilities(count), (p, i) => [values[i]!, p]));
  const { statistic, freedom } = chiSquare(() => noisyCount(count, { randomBytes }), draws, expected);
  expect(freedom).toBeGreaterThan(5);
  expect(statistic).toBeLessThan(byFreedom[freedom]!);
});
