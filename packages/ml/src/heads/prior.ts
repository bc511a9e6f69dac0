// How far to trust the prior head against a person's own rows: chosen by cross-validation on those rows alone.
import { MlError } from "../error.js";
import { selectRows } from "../tensor/matrix.js";
import type { Random } from "../tensor/random.js";
import { checkExamples, checkNotNegative, checkWhole, type Examples } from "./examples.js";
import { type LinearHead, priorWeights } from "./linear.js";
import { createDesign, minimizeSoftmax, scoreRows, secondMoments, softmaxRow } from "./softmax.js";

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
  /** By falling strength; empty when there were fewer than two rows. */
  readonly foldScores: readonly CandidateScore[];
}

/** From a person of their own to, in effect, the prior alone. */
export const defaultStrengths: readonly number[] = [1e6, 3000, 1000, 300, 100, 30, 10, 3];

const tolerance = 1e-5;

/**
 * k-fold cross-validation by log-loss, folds stratified by class and dealt by `random`. With fewer rows than folds every row is its own fold;
 * a class missing from a fold's training rows is covered by the prior; with one row the strongest candidate is taken.
 * Throws what fitLinear throws about its examples and its prior.
 */
export function selectPriorStrength(options: PriorStrengthOptions): PriorStrength {
  checkExamples(options);
  const { features, labels, prior, random } = options;
  const centre = priorWeights(prior, options);
  const strengths = checkStrengths(options.candidates ?? defaultStrengths);
  const folds = Math.min(options.folds ?? 5, features.rows);
  checkWhole("folds", options.folds ?? 5, [2, 1000]);
  if (features.rows < 2) {
    return { l2: strengths[0]! / features.rows, strength: strengths[0]!, foldScores: [] };
  }
  const fold = dealFolds(labels, folds, random);
  const losses = strengths.map(() => new Float64Array(folds));
  for (let k = 0; k < folds; k++) {
    scoreFold(options, { centre, strengths, fold, k, losses });
  }
  const sizes = countFolds(fold, folds);
  const foldScores = strengths.map((strength, s) => {
    const sums = losses[s]!;
    const logLoss = sums.reduce((total, loss) => total + loss, 0) / features.rows;
    return { strength, logLoss, perFold: Array.from(sums, (sum, k) => sum / sizes[k]!) };
  });
  // The first of the best: among equals the stronger prior.
  const best = foldScores.reduce((x, y) => (y.logLoss < x.logLoss ? y : x));
  return { l2: best.strength / features.rows, strength: best.strength, foldScores };
}

function checkStrengths(candidates: readonly number[]): number[] {
  if (candidates.length === 0) throw new MlError("empty", "No candidates for the prior's strength");
  for (const candidate of candidates) {
    checkNotNegative("A candidate for the prior's strength", candidate);
  }
  return candidates.toSorted((x, y) => y - x);
}

/** The fold of each row: within a shuffled class, rows go round the folds, the next class going on where the last one stopped. */
function dealFolds(labels: Int32Array, folds: number, random: Random): Int32Array {
  const order = Int32Array.from(labels, (_, i) => i);
  random.shuffle(order);
  const byClass = Array.from(order).sort((x, y) => labels[x]! - labels[y]!);
  const fold = new Int32Array(labels.length);
  for (const [turn, i] of byClass.entries()) {
    fold[i] = turn % folds;
  }
  return fold;
}

function countFolds(fold: Int32Array, folds: number): Int32Array {
  const sizes = new Int32Array(folds);
  for (const k of fold) {
    sizes[k]!++;
  }
  return sizes;
}

interface FoldRun {
  readonly centre: Float64Array;
  readonly strengths: readonly number[];
  readonly fold: Int32Array;
  readonly k: number;
  /** losses[s][k]: written here. */
  readonly losses: readonly Float64Array[];
}

/** Fits every candidate on the rows outside fold k, from the strongest on, each from the one before: they lie on one path. */
function scoreFold(
  { features, labels, identity, classWeights = "none" }: PriorStrengthOptions,
  { centre, strengths, fold, k, losses }: FoldRun,
): void {
  const inside: number[] = [];
  const outside: number[] = [];
  for (const [i, own] of fold.entries()) {
    (own === k ? inside : outside).push(i);
  }
  const classes = identity.classes.length;
  const pick = (rows: number[]) => Int32Array.from(rows, (i) => labels[i]!);
  const design = createDesign(selectRows(features, outside), pick(outside), { classes, classWeights });
  const moments = secondMoments(design);
  const heldOut = createDesign(selectRows(features, inside), pick(inside), { classes, classWeights: "none" });
  let weights = centre;
  for (const [s, strength] of strengths.entries()) {
    const l2 = strength / design.rows;
    const penalty = { centre, l2, biasL2: l2 };
    weights = minimizeSoftmax({ design, moments, penalty, start: weights, tolerance }).x;
    losses[s]![k] = sumOfLosses(heldOut, weights);
  }
}

function sumOfLosses(
  { rows, width, x, labels, classes }: ReturnType<typeof createDesign>,
  weights: Float64Array,
): number {
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
