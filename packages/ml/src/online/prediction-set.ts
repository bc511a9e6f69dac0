// The labels that an utterance may have, as a set that holds the true label 90% of the time, whoever speaks.
// Sources: adaptive conformal inference (Gibbs and Candès 2021), and decreasing steps of the threshold itself
// (Angelopoulos, Barber and Bates 2024, arXiv 2402.01139).

import { MlError } from "../error.js";

/**
 * The state: plain numbers, which JSON keeps exactly.
 *
 * A label's surprise is ln(1/p) / ln(1000), and at most 1. The threshold's set has every label up to the threshold. A
 * miss raises the threshold by η(t) · 0.9, a hit lowers it by η(t) · 0.1, with η(t) = max(0.1 / √t, 0.005).
 * Bound: after T labels, whatever they are, |misses / T - 0.1| is at most (1 + η(1)) / (T η(T)).
 * Proof: a threshold of 1 holds every label and one below 0 holds none, so thresholds stay in an interval of length
 * 1 + η(1). Each miss less 0.1 is the threshold's change divided by η(t). As the steps decrease, summation by parts
 * bounds the sum of these by the interval's length divided by η(T).
 */
export interface Coverage {
  readonly threshold: number;
  /** The labels so far that the threshold's set lacked. */
  readonly misses: number;
  /** T, the number of labels so far. */
  readonly labels: number;
}

const missRate = 0.1;
/** The threshold for a new person: 0.90 to 0.93 of the labels of MELD's six are within it under a prior head. */
const firstThreshold = 0.5;
const leastProbability = 1e-3;
/** Steps end here, so that the threshold follows a person who changes. */
const leastStep = 0.005;
const stepAt = (label: number) => Math.max(0.1 / Math.sqrt(label), leastStep);

export const newCoverage: Coverage = { threshold: firstThreshold, misses: 0, labels: 0 };

/**
 * probabilities: (classes) of one utterance → the indices of its set, the most probable first. The set has at least
 * the most probable label, even if the threshold's set is empty. So it misses at most as often.
 * Throws `empty` and `not-finite`.
 */
export function predictionSet({ threshold }: Coverage, probabilities: Float32Array): number[] {
  checkProbabilities(probabilities);
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]!);
  return order.filter((label, place) => place === 0 || surpriseOf(probabilities[label]!) <= threshold);
}

/** probabilities: (classes), as given before `label` was known. Throws as predictionSet, and `out-of-range`. */
export function coverLabel(
  { threshold, misses, labels }: Coverage,
  probabilities: Float32Array,
  label: number,
): Coverage {
  checkProbabilities(probabilities);
  if (!(Number.isInteger(label) && label >= 0 && label < probabilities.length)) {
    throw new MlError("out-of-range", `Label ${label} must lie in 0..${probabilities.length - 1}`);
  }
  const miss = surpriseOf(probabilities[label]!) <= threshold ? 0 : 1;
  return {
    threshold: threshold + stepAt(labels + 1) * (miss - missRate),
    misses: misses + miss,
    labels: labels + 1,
  };
}

/** The largest possible difference between misses / labels and 0.1; at most 1. */
export function coverageBound(labels: number): number {
  return labels === 0 ? 1 : Math.min(1, (1 + stepAt(1)) / (labels * stepAt(labels)));
}

/** Reads what JSON kept of a coverage. Throws `malformed`. */
export function readCoverage(value: unknown): Coverage {
  const { threshold, misses, labels } = (value ?? {}) as Partial<Record<keyof Coverage, unknown>>;
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) >= 0;
  const isKept = typeof threshold === "number" && Number.isFinite(threshold) && isCount(misses) && isCount(labels);
  if (!isKept || misses > labels) {
    throw new MlError("malformed", 'The coverage is not a finite "threshold" with counts of "misses" among "labels"');
  }
  return { threshold, misses, labels };
}

/** From 0, a label that was certain, to 1, a label of a probability of 1/1000 or less. */
export function surpriseOf(probability: number): number {
  const bounded = Math.min(1, Math.max(leastProbability, probability));
  return Math.log(bounded) / Math.log(leastProbability);
}

function checkProbabilities(probabilities: Float32Array): void {
  if (probabilities.length === 0) throw new MlError("empty", "A set of labels needs the probability of a label");
  const wrong = probabilities.findIndex((probability) => !Number.isFinite(probability));
  if (wrong >= 0) throw new MlError("not-finite", `The probability of class ${wrong} is ${probabilities[wrong]}`);
}
