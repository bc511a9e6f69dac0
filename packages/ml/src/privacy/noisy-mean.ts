// Estimates of a fleet from noisy counts: the mean share of right answers, and the paired difference of two shares,
// each with a 95% interval.

import { noisyCountGrid, noisyCountVariance } from "./noisy-count.js";
import { studentQuantile } from "./student-quantile.js";

/**
 * `mean`, `low` and `high` are shares of 50 scored labels. They are not clamped, so noise may put them slightly outside
 * of 0 … 1. `varianceFrom` names the wider of two intervals, which is the interval given: `sample`: Student's t over
 * the values, whose spread holds blocks, noise and rounding. It covers the mean of all blocks that could have come.
 * `noise`: the known variance of noise and rounding, with a correction for the grid's steps. It covers the mean of
 * these blocks alone; one value, or few equal values, permit no more.
 */
export interface NoisyMean {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** How many values the mean is of. */
  readonly values: number;
  readonly varianceFrom: "sample" | "noise";
}

const level = 0.95;
const normalQuantile = 1.959963984540054;
const { blockSize, minimum, maximum, step } = noisyCountGrid;

/**
 * The mean share of right answers from noisy counts, (N) values of the grid, for independent blocks. It is null
 * for no values. Blocks of one person depend on each other: a caller gives one value a person, else the interval
 * is too narrow. The mean is unbiased but for clamping, which moves it by at most 0.00016. Throws RangeError for a
 * value beside the grid.
 */
export function noisyMean(values: readonly number[]): NoisyMean | null {
  values.forEach(checkValue);
  return estimate(values, noisyCountVariance);
}

/**
 * The mean of share `answering` less share `prior` from pairs of noisy counts, both (N): a pair comes from one
 * block. It is null for no pairs. Both counts of a pair have noise of their own, so the known variance is twice
 * that of a count.
 * Throws RangeError for lists of different lengths and for a value beside the grid.
 */
export function noisyMeanDifference(answering: readonly number[], prior: readonly number[]): NoisyMean | null {
  if (answering.length !== prior.length) {
    throw new RangeError(`${answering.length} values of the answering head but ${prior.length} of the prior head`);
  }
  answering.forEach(checkValue);
  prior.forEach(checkValue);
  const differences = answering.map((value, i) => value - prior[i]!);
  return estimate(differences, 2 * noisyCountVariance);
}

/** `knownVariance`: of noise and rounding, in answers² a value. */
function estimate(values: readonly number[], knownVariance: number): NoisyMean | null {
  const count = values.length;
  if (count === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const fromSample = count === 1 ? 0 : studentQuantile(level, count - 1) * Math.sqrt(squares / (count - 1) / count);
  // Half a step of the grid: a sum of few values takes so few steps that the normal distribution alone covers only 92%.
  const fromNoise = normalQuantile * Math.sqrt(knownVariance / count) + step / 2 / count;
  const reach = Math.max(fromSample, fromNoise);
  return {
    mean: mean / blockSize,
    low: (mean - reach) / blockSize,
    high: (mean + reach) / blockSize,
    values: count,
    varianceFrom: fromSample > fromNoise ? "sample" : "noise",
  };
}

function checkValue(value: number): void {
  if (!(value >= minimum && value <= maximum && (value - minimum) % step === 0)) {
    throw new RangeError(`A noisy count must be an even number from ${minimum} to ${maximum}, not ${value}`);
  }
}
