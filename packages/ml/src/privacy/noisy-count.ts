// The noisy count of right answers in a block of 50 scored labels: the count, discrete Laplace noise, rounding to even
// values, clamping. Rounding and clamping see only the noisy sum, so ε still bounds a change of one label's score.
// Clamping biases the expected value towards the middle: by 0.0078 answers of 50 at counts 0 and 50, by less between
// them. Noise and rounding do not bias it.

import { discreteLaplace, type RandomBytes, uniformBelow } from "./discrete-laplace.js";

/** The values that a noisy count takes: `minimum`, `minimum` + `step`, … `maximum`. */
export const noisyCountGrid = { blockSize: 50, minimum: -4, maximum: 54, step: 2, epsilon: 1 } as const;

const { blockSize, minimum, maximum, step, epsilon } = noisyCountGrid;

/** The ratio of the probabilities of neighbouring noise. */
const q = Math.exp(-epsilon);

/**
 * The variance of noise and rounding of one noisy count, in answers²: about 2.45. The noise has 2q / (1 - q)². Rounding
 * adds the probability of an odd sum, here of an odd count: (1 + q²) / (1 + q)². An even count and clamping have less.
 */
export const noisyCountVariance = (2 * q) / (1 - q) ** 2 + (1 + q * q) / (1 + q) ** 2;

/**
 * `count`: right answers, 0 … 50. Returns a value of the grid. An odd sum is rounded up or down with equal
 * probability. A caller draws once for a block and keeps the value: averages of more draws would reveal the count.
 * Throws RangeError for another count.
 */
export function noisyCount(count: number, { randomBytes }: { readonly randomBytes: RandomBytes }): number {
  checkCount(count);
  const sum = count + discreteLaplace({ numerator: epsilon, denominator: 1 }, randomBytes);
  const rounded = sum % step === 0 ? sum : sum - 1 + step * uniformBelow(2, randomBytes);
  return Math.min(maximum, Math.max(minimum, rounded));
}

/** The values of the grid, in order. */
export function noisyCountValues(): number[] {
  return Array.from({ length: (maximum - minimum) / step + 1 }, (_, i) => minimum + step * i);
}

/**
 * The probability of each value of the grid, in order, for a count of 0 … 50: shape (30).
 * Closed form, from P(noise = z) = (1 - q) / (1 + q) · q^|z|. Throws RangeError for another count.
 */
export function noisyCountProbabilities(count: number): Float64Array {
  checkCount(count);
  return Float64Array.from(noisyCountValues(), (value) => {
    const odd = (mass(value - 1 - count) + mass(value + 1 - count)) / 2;
    if (value === minimum) return atLeast(count - value) + mass(value + 1 - count) / 2;
    if (value === maximum) return atLeast(value - count) + mass(value - 1 - count) / 2;
    return mass(value - count) + odd;
  });
}

/**
 * The expected noisy value less the count, in answers of 50, for a count of 0 … 50. Throws
 * RangeError for another count.
 */
export function clampingBias(count: number): number {
  const probabilities = noisyCountProbabilities(count);
  return noisyCountValues().reduce((sum, value, i) => sum + probabilities[i]! * (value - count), 0);
}

/** The largest bias of clamping over all counts, in answers of 50, without its sign. */
export function worstClampingBias(): number {
  return Math.max(...Array.from({ length: blockSize + 1 }, (_, count) => Math.abs(clampingBias(count))));
}

function mass(noise: number): number {
  return ((1 - q) / (1 + q)) * q ** Math.abs(noise);
}

/** P(noise ≥ least) = P(noise ≤ -least), for least > 0. */
function atLeast(least: number): number {
  return q ** least / (1 + q);
}

function checkCount(count: number): void {
  if (!Number.isInteger(count) || count < 0 || count > blockSize) {
    throw new RangeError(`A count of right answers must be a whole number from 0 to ${blockSize}, not ${count}`);
  }
}
