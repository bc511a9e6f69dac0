// A person's head that learns at each label: several experts learn the same rows, and the mixture weighs their answers.

import { MlError } from "../error.js";
import { checkLabels } from "../heads/examples.js";
import { createMatrix, type Matrix, row } from "../tensor/matrix.js";
import type { Expert, LearnedRow } from "./experts.js";
import { createMixture, learnLabel, type Mixture, mixProbabilities } from "./mixture.js";
import { sweepOnce } from "./online-linear.js";
import { type Coverage, coverLabel, newCoverage } from "./prediction-set.js";

export interface PersonMixture {
  /** Weights, losses and regret so far. */
  readonly mixture: Mixture;
  /** The threshold of the sets of labels, and how often they held the label so far. */
  readonly coverage: Coverage;
  readonly rows: number;
  /** (N, D) to (N, classes); rows sum to 1. Throws `shape` and `not-finite`. */
  probabilities(features: Matrix): Matrix;
  /**
   * Weighs the experts by their answers to this utterance, moves the sets' threshold, and lets the experts learn
   * afterwards. features: (D), kept by
   * reference.
   * Throws `shape`, `not-finite`, and `out-of-range` for the label and for an id that is held; then nothing was
   * learned.
   */
  learn(id: string, features: Float32Array, label: number): void;
  /**
   * The experts change as if they had learned the other label. The weights keep what the first label earned, until the
   * rows are learned anew.
   * Throws `out-of-range`, as forget does for an id that is not held.
   */
  relabel(id: string, label: number): void;
  /** The experts lose the row, and the weights change as little as with relabel. */
  forget(id: string): void;
  /** Brings every expert nearer to its batch optimum. Returns the largest change: 0 if all are there. */
  sweep(): number;
  /** By expert: what must be kept besides the rows and the weights to resume. Throws `out-of-range` as forget does. */
  shares(ids: readonly string[]): Float64Array[];
}

/** The learning of an earlier mixture. `shares` as that mixture gave them for the ids of these rows. */
export interface Resumed {
  readonly mixture: Mixture;
  readonly coverage: Coverage;
  readonly rows: readonly LearnedRow[];
  readonly shares: readonly Float64Array[];
}

/**
 * `resumed`: what a mixture of the same experts learned before. Default: equal weights and no rows. Throws `mismatch`,
 * and `empty` without experts.
 */
export function createPersonMixture(
  experts: readonly Expert[],
  { classes, resumed }: { classes: number; resumed?: Resumed },
): PersonMixture {
  const names = experts.map(({ name }) => name);
  let mixture = resumed?.mixture ?? createMixture(names);
  if (mixture.experts.join("\n") !== names.join("\n")) {
    throw new MlError("mismatch", `The mixture weighs (${mixture.experts.join("; ")}), not (${names.join("; ")})`);
  }
  let coverage = resumed?.coverage ?? newCoverage;
  const ids = new Set(resumed?.rows.map(({ id }) => id));
  if (resumed !== undefined) {
    for (const [k, expert] of experts.entries()) expert.resume(resumed.rows, resumed.shares[k]!);
  }

  /** (experts, classes) */
  function answers(features: Float32Array): Matrix {
    const given = createMatrix(experts.length, classes);
    for (const [k, expert] of experts.entries()) given.data.set(expert.probabilities(features), k * classes);
    return given;
  }

  function probabilities(features: Matrix): Matrix {
    const result = createMatrix(features.rows, classes);
    for (let i = 0; i < features.rows; i++) {
      result.data.set(mixProbabilities(mixture, answers(row(features, i))).data, i * classes);
    }
    return result;
  }

  function learn(id: string, features: Float32Array, label: number): void {
    checkLabels(Int32Array.of(label), 1, classes);
    if (ids.has(id)) throw new MlError("out-of-range", `The row ${id} is learned already; relabel or forget it`);
    const given = answers(features);
    coverage = coverLabel(coverage, mixProbabilities(mixture, given).data, label);
    mixture = learnLabel(mixture, given, label);
    for (const expert of experts) expert.learn(id, features, label);
    ids.add(id);
  }

  function checkHeld(id: string): void {
    if (!ids.has(id)) throw new MlError("out-of-range", `The row ${id} is not held`);
  }

  function relabel(id: string, label: number): void {
    checkHeld(id);
    checkLabels(Int32Array.of(label), 1, classes);
    for (const expert of experts) expert.relabel(id, label);
  }

  function forget(id: string): void {
    checkHeld(id);
    for (const expert of experts) expert.forget(id);
    ids.delete(id);
  }

  return {
    get mixture() {
      return mixture;
    },
    get coverage() {
      return coverage;
    },
    get rows() {
      return ids.size;
    },
    probabilities,
    learn,
    relabel,
    forget,
    sweep: () => experts.reduce((largest, expert) => Math.max(largest, sweepOnce(expert)), 0),
    shares: (wanted) => experts.map((expert) => expert.shares(wanted)),
  };
}
