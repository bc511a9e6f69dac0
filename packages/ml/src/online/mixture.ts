// A mixture of experts, never much worse than the best expert: each expert has the weight that its probabilities earned
// before a label was known. The aggregating algorithm for log-loss (Vovk 1990, "Aggregating strategies") with a
// decreasing share (Herbster and Warmuth 1998, "Tracking the best expert").

import { MlError } from "../error.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";

/**
 * A mixture's whole state: plain numbers, which JSON keeps exactly. Every function returns a new state.
 *
 * The loss of label t is -ln of the probability that the mixture gave to it. With v = w · p / Σ w · p after the label,
 * the next weights are (1 - 1/(t+1)) v + 1/(t+1)/K.
 * Bound: after T labels, the mixture's loss is at most ln K + ln T above any expert's loss.
 * Proof: the mixture's likelihood is a sum of positive terms over all sequences of experts. The sequence that stays
 * with expert k has the first weight 1/K, and each share leaves it at least t/(t+1). So its term is at least 1/K ·
 * (1/2)(2/3)···((T-1)/T) = 1/(K T) times the expert's likelihood. A sequence with m changes pays at least 1/(K T) for
 * each change, too. So the loss is at most (m + 1)(ln K + ln T) above the loss of any such sequence.
 *
 * The probabilities in the bound are those of `floored`. An expert's loss there is at most 1.1e-6 a label
 * above its own loss.
 */
export interface Mixture {
  readonly experts: readonly string[];
  /** By expert: the share of its probabilities in the next prediction. All are positive, and they sum to 1. */
  readonly weights: readonly number[];
  /** By expert: the summed log-loss in nats. */
  readonly losses: readonly number[];
  /** The summed log-loss of the mixture in nats. */
  readonly loss: number;
  /** T, the number of labels learned. */
  readonly labels: number;
}

/**
 * Each expert's probabilities are mixed with this share of the uniform ones, so that a label of probability 0
 * has a finite loss.
 */
const uniformShare = 1e-6;
/** The limit on the sum of an expert's probabilities, which are float32. */
const tolerance = 1e-3;

/** Equal weights for all experts. Throws `empty` and `out-of-range` unless there is an expert and all names differ. */
export function createMixture(experts: readonly string[]): Mixture {
  if (experts.length === 0) throw new MlError("empty", "A mixture needs at least one expert");
  if (new Set(experts).size !== experts.length) {
    throw new MlError("out-of-range", `The experts (${experts.join(", ")}) are not distinct`);
  }
  const count = experts.length;
  return {
    experts: [...experts],
    weights: new Array<number>(count).fill(1 / count),
    losses: new Array<number>(count).fill(0),
    loss: 0,
    labels: 0,
  };
}

/**
 * answers: (experts, classes), the probabilities of one utterance by expert → (1, classes), which sum to 1.
 * Throws `shape`, and `not-finite` or `out-of-range` naming the expert whose row is not a distribution.
 */
export function mixProbabilities({ experts, weights }: Mixture, answers: Matrix): Matrix {
  checkAnswers(experts, answers);
  const mixed = new Float64Array(answers.cols);
  for (let k = 0; k < experts.length; k++) {
    for (let c = 0; c < mixed.length; c++) mixed[c]! += weights[k]! * floored(answers, k, c);
  }
  const sum = mixed.reduce((total, probability) => total + probability, 0);
  return createMatrix(
    1,
    mixed.length,
    Float32Array.from(mixed, (probability) => probability / sum),
  );
}

/**
 * answers: (experts, classes), as given before `label` was known. Throws as mixProbabilities, and `out-of-range` for
 * the label; the state stays. No logarithm of a weight is needed: after T labels a weight is at least 1/(K T), and a
 * floored probability at least 1e-6 / classes.
 */
export function learnLabel(mixture: Mixture, answers: Matrix, label: number): Mixture {
  const { experts, weights, losses, loss, labels } = mixture;
  checkAnswers(experts, answers);
  if (!(Number.isInteger(label) && label >= 0 && label < answers.cols)) {
    throw new MlError("out-of-range", `Label ${label} must lie in 0..${answers.cols - 1}`);
  }
  const given = experts.map((_, k) => floored(answers, k, label));
  const earned = weights.map((weight, k) => weight * given[k]!);
  const likelihood = earned.reduce((sum, value) => sum + value, 0);
  const share = 1 / (labels + 2);
  return {
    experts,
    weights: earned.map((value) => ((1 - share) * value) / likelihood + share / experts.length),
    losses: losses.map((sum, k) => sum - Math.log(given[k]!)),
    loss: loss - Math.log(likelihood),
    labels: labels + 1,
  };
}

/** The mixture's loss above the best expert's so far, in nats. Negative if the mixture is better than each expert. */
export function regretOf({ loss, losses }: Mixture): number {
  return loss - Math.min(...losses);
}

/** The largest possible regret: ln K + ln T, and 0 before the first label. */
export function regretBound({ experts, labels }: Mixture): number {
  return labels === 0 ? 0 : Math.log(experts.length) + Math.log(labels);
}

/** Reads what JSON kept of a mixture. Throws `malformed`, naming the field. */
export function readMixture(value: unknown): Mixture {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof Mixture, unknown>>;
  const { experts, weights, losses, loss, labels } = fields;
  if (!isListOf(experts, (name) => typeof name === "string") || new Set(experts).size !== experts.length) {
    throw malformed("experts", "distinct names");
  }
  const isNumber = (entry: unknown) => Number.isFinite(entry);
  const isWeight = (entry: unknown) => (entry as number) > 0 && (entry as number) <= 1;
  if (!isListOf<number>(weights, isWeight) || weights.length !== experts.length) {
    throw malformed("weights", "one positive number an expert");
  }
  if (Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) > tolerance) {
    throw malformed("weights", "numbers that sum to 1");
  }
  if (!isListOf<number>(losses, isNumber) || losses.length !== experts.length) {
    throw malformed("losses", "one finite number an expert");
  }
  if (typeof loss !== "number" || !Number.isFinite(loss)) throw malformed("loss", "a finite number");
  if (!Number.isSafeInteger(labels) || (labels as number) < 0) throw malformed("labels", "a count");
  return { experts: experts as string[], weights, losses, loss, labels: labels as number };
}

function malformed(field: string, expected: string): MlError {
  return new MlError("malformed", `Field "${field}" of the mixture is not ${expected}`);
}

function isListOf<T>(value: unknown, isItem: (entry: unknown) => boolean): value is T[] {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

function floored({ data, cols }: Matrix, expert: number, label: number): number {
  return (1 - uniformShare) * data[expert * cols + label]! + uniformShare / cols;
}

function checkAnswers(experts: readonly string[], { rows, cols, data }: Matrix): void {
  if (rows !== experts.length || cols === 0) {
    throw new MlError("shape", `${experts.length} experts need as many rows of probabilities, not ${rows} x ${cols}`);
  }
  for (let k = 0; k < rows; k++) {
    let sum = 0;
    for (let c = 0; c < cols; c++) {
      const probability = data[k * cols + c]!;
      if (!Number.isFinite(probability)) {
        throw new MlError("not-finite", `Expert ${experts[k]} gives class ${c} the probability ${probability}`);
      }
      if (probability < 0) {
        throw new MlError("out-of-range", `Expert ${experts[k]} gives class ${c} the probability ${probability}`);
      }
      sum += probability;
    }
    if (Math.abs(sum - 1) > tolerance) {
      throw new MlError("out-of-range", `The probabilities of expert ${experts[k]} sum to ${sum}, not to 1`);
    }
  }
}
