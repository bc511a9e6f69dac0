// How far to trust the prior head against a person's own rows: chosen by cross-validation on those rows alone.
import { MlError } from "../error.js";
import { selectRows } from "../tensor/matrix.js";
import type { Random } from "../tensor/random.js";
import { checkExamples, checkNotNegative, checkWhole, type Examples } from "./examples.js";
import { type LinearHead, priorWeights } from "./linear.js";
import { createDesign, type Design, scoreRows, softmaxRow } from "./softmax.js";
import { createMetric, type Metric, minimizeSoftmax, secondMoments } from "./softmax-optimum.js";

export interface PriorStrengthOptions extends Examples {
  readonly prior: LinearHead;
  /** Deals the rows into folds; the same generator gives the same choice. */
  readonly random: Random;
  /** Strengths to try, in rows (see PriorStrength.strength). */
  readonly candidates?: readonly number[];
  readonly classWeights?: "balanced" | "none";
  /** Default 5. */
  readonly folds?: number;
}

export interface CandidateScore {
  readonly strength: number;
  /** Mean log-loss of the held-out rows, all folds together; lower is better. */
  readonly logLoss: number;
  readonly perFold: readonly number[];
}

export interface PriorStrength {
  /** For LinearRecipe.l2 when fitting on all the rows: strength / N. */
  readonly l2: number;
  /**
   * The precision of the Gaussian prior around the prior head's weights. It is a property of how much people differ, so it stays the same
   * while rows gather, and l2 = strength / N leans on the prior when rows are few.
   */
  readonly strength: number;
  /** By falling strength, as far as they were tried; empty when there were fewer than two rows. */
  readonly foldScores: readonly CandidateScore[];
}

/** From a person of their own to, in effect, the prior alone. */
export const defaultStrengths: readonly number[] = [1e6, 3000, 1000, 300, 100, 30, 10, 3];

/** Of the gradient: the choice between strengths needs no more. */
const tolerance = 1e-4;
/** More rows are not looked at: the strength hardly depends on how many there are, the time it takes does. */
const mostRows = 600;
/** The loss falls and then rises along the strengths: after so many worse ones in a row the rest is not tried. */
const patience = 2;

/**
 * k-fold cross-validation by log-loss on at most 600 of the rows, folds stratified by class; `random` picks and deals them. Strengths are
 * tried from the strongest on, until two in a row are worse than the best. With fewer rows than folds every row is its own fold; a class
 * missing from a fold's training rows is covered by the prior; with one row the strongest candidate is taken.
 * Throws what fitLinear throws about its examples and its prior.
 */
export function selectPriorStrength(options: PriorStrengthOptions): PriorStrength {
  const steps = priorStrengthSteps(options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same choice in steps, one fit each, so that a caller with other work to do can do it in between. */
export function* priorStrengthSteps(options: PriorStrengthOptions): Generator<void, PriorStrength> {
  checkExamples(options);
  const centre = priorWeights(options.prior, options);
  const strengths = checkStrengths(options.candidates ?? defaultStrengths);
  checkWhole("folds", options.folds ?? 5, [2, 1000]);
  const allRows = options.features.rows;
  if (allRows < 2) return { l2: strengths[0]! / allRows, strength: strengths[0]!, foldScores: [] };

  const rows = sampleRows(allRows, options.random);
  const folds = dealFolds(options, rows, centre);
  const whole = createFoldDesign(options, rows, options.classWeights ?? "none");
  const moments = secondMoments(whole);
  const foldScores: CandidateScore[] = [];
  let best: CandidateScore | undefined;
  let worse = 0;
  for (const strength of strengths) {
    const l2 = strength / whole.rows;
    const metric = createMetric(moments, whole.width, { l2, biasL2: l2 });
    const score = yield* scoreCandidate(folds, { strength, centre, metric });
    foldScores.push(score);
    // Strictly less: among equals the stronger prior.
    if (best === undefined || score.logLoss < best.logLoss) {
      best = score;
      worse = 0;
    } else if (++worse === patience) {
      break;
    }
  }
  const { strength } = best!;
  return { l2: strength / allRows, strength, foldScores };
}

function checkStrengths(candidates: readonly number[]): number[] {
  if (candidates.length === 0) throw new MlError("empty", "No candidates for the prior's strength");
  for (const candidate of candidates) {
    checkNotNegative("A candidate for the prior's strength", candidate);
  }
  return candidates.toSorted((x, y) => y - x);
}

/** All the rows, or `mostRows` of them by lot, in a new order. */
function sampleRows(rows: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  random.shuffle(order);
  return order.subarray(0, mostRows);
}

interface Fold {
  readonly training: Design;
  readonly heldOut: Design;
  /** Of the candidate before: the candidates' optima lie on one path. */
  weights: Float64Array;
}

/** Within a class, rows go round the folds in their order by lot, the next class going on where the last one stopped. */
function dealFolds(options: PriorStrengthOptions, rows: Int32Array, centre: Float64Array): Fold[] {
  const count = Math.min(options.folds ?? 5, rows.length);
  const byClass = Array.from(rows).sort((x, y) => options.labels[x]! - options.labels[y]!);
  return Array.from({ length: count }, (_, k) => {
    const inside = byClass.filter((_, turn) => turn % count === k);
    const outside = byClass.filter((_, turn) => turn % count !== k);
    return {
      training: createFoldDesign(options, outside, options.classWeights ?? "none"),
      heldOut: createFoldDesign(options, inside, "none"),
      weights: centre,
    };
  });
}

function createFoldDesign(
  { features, labels, identity }: PriorStrengthOptions,
  rows: ArrayLike<number>,
  classWeights: "balanced" | "none",
): Design {
  const classes = identity.classes.length;
  const chosen = Int32Array.from(rows, (i) => labels[i]!);
  return createDesign(selectRows(features, rows), chosen, { classes, classWeights });
}

/** Fits the candidate on each fold's training rows, leaving the weights there, and measures it on the held-out ones. */
function* scoreCandidate(
  folds: readonly Fold[],
  { strength, centre, metric }: { strength: number; centre: Float64Array; metric: Metric },
): Generator<void, CandidateScore> {
  let sum = 0;
  let rows = 0;
  const perFold: number[] = [];
  for (const fold of folds) {
    const l2 = strength / fold.training.rows;
    const penalty = { centre, l2, biasL2: l2 };
    fold.weights = minimizeSoftmax({ design: fold.training, metric, penalty, start: fold.weights, tolerance }).x;
    const losses = sumOfLosses(fold.heldOut, fold.weights);
    sum += losses;
    rows += fold.heldOut.rows;
    perFold.push(losses / fold.heldOut.rows);
    yield;
  }
  return { strength, logLoss: sum / rows, perFold };
}

function sumOfLosses({ rows, width, x, labels, classes }: Design, weights: Float64Array): number {
  const scores = new Float64Array(rows * classes);
  scoreRows({ x, rows, width, classes }, weights, scores);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const own = scores[i * classes + labels[i]!]!;
    const { shift, sum: exponentials } = softmaxRow(scores, i * classes, classes);
    sum += shift + Math.log(exponentials) - own;
  }
  return sum;
}
