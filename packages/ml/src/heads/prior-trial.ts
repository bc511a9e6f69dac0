// Cross-validates candidates of trust in a prior head on a person's own rows: the folds, the fits, and the losses of
// the held-out rows.

import { createMatrix, type Matrix, selectRows } from "../tensor/matrix.js";
import type { Random } from "../tensor/random.js";
import type { Examples } from "./examples.js";
import type { HeadKernels } from "./head-kernels.js";
import { type LinearHead, priorWeights } from "./linear.js";
import { reachOf, shrinkWeights, stretchRows } from "./reach.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { toRowSpace } from "./row-space.js";
import { type ClassWeights, createDesign, type Design, importanceOf, scoreRows, softmaxRow } from "./softmax.js";
import { createMetric, type Metric, minimizeSoftmax, secondMoments } from "./softmax-optimum.js";

/**
 * A head's weights W are normal around scale · W₀, where W₀ are the prior head's weights. The weights of feature d have
 * precision strength · mean ‖r x‖² / r_d², where r_d measures how much the prior head uses the feature (reach.ts). The
 * biases are nearly free.
 */
export interface PriorTrust {
  /** The share of the prior head's scores that is believed; with 0 the head is the person's alone. */
  readonly scale: number;
  /**
   * In rows: the number of the person's rows that moves a weight half way. It does not depend on the number or
   * size of the features.
   */
  readonly strength: number;
}

export interface TrialOptions extends Examples {
  readonly prior: LinearHead;
  /** Deals the rows into folds; the same generator gives the same choice. */
  readonly random: Random;
  /** Default `tempered`. */
  readonly classWeights?: ClassWeights;
  /** Default 5. */
  readonly folds?: number;
  /** The kernels that fit the candidates. Default: plain TypeScript. */
  readonly kernels?: HeadKernels;
}

export interface CandidateScore extends PriorTrust {
  /** Mean log-loss of the held-out rows over all folds, with each row weighted by its class; lower is better. */
  readonly logLoss: number;
  readonly perFold: readonly number[];
}

/**
 * The biases' precision, in rows. A person's frequencies of emotions are personal, and few rows are
 * enough to learn them.
 */
const biasRows = 1;

/** Limits the gradient: the choice between candidates needs no greater precision. */
const tolerance = 1e-4;
/** Further rows are not used: they hardly change the choice, but they take time. */
const maxRows = 400;

export interface Validated {
  readonly result: CandidateScore;
  /** (rows, classes): the scores of the held-out rows, fold by fold. */
  readonly heldOut: Matrix;
}

export interface Trial {
  readonly folds: readonly Fold[];
  readonly whole: Design;
  /** (classes): the weight of a row of each class in the score. */
  readonly classImportance: Float64Array;
  /** The rows' mean square, which converts strength 1 to the unit of l2 · rows. */
  readonly meanSquare: number;
  readonly centre: (scale: number) => Float64Array;
  readonly metric: (strength: number) => Metric;
  readonly kernels: HeadKernels;
}

interface Fold {
  readonly training: Design;
  readonly heldOut: Design;
  /** The weights of the previous candidate: the candidates' optima lie close to each other. */
  weights: Float64Array;
}

export function openTrial(options: TrialOptions): Trial {
  const { features, kernels = referenceHeadKernels } = options;
  const rows = drawRows(features.rows, options.random);
  const reach = reachOf(options.prior.weight, options.prior.inputSize);
  const { coordinates, centre } = sampleOf(options, rows, { reach, kernels });
  const { whole, parts, classImportance } = dealRows(options, rows, coordinates);
  const meanSquare = meanSquareOf(features, reach);
  const moments = parts.length === 0 ? new Float64Array(0) : secondMoments(whole, kernels);
  return {
    folds: parts.map((part) => ({ ...part, weights: centre })),
    whole,
    classImportance,
    meanSquare,
    kernels,
    centre: (scale) => (scale === 1 ? centre : centre.map((weight) => scale * weight)),
    metric: onceFor((strength) => {
      const penalty = penaltyOf({ strength, meanSquare }, whole.rows);
      return createMetric(moments, whole.width, { ...penalty, kernels });
    }),
  };
}

function drawRows(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  random.shuffle(order);
  return order.subarray(0, maxRows);
}

/**
 * The drawn rows in the coordinates of the fits, and the prior head's weights there. Few rows are fitted in the space
 * that they span.
 */
function sampleOf(
  options: TrialOptions,
  rows: Int32Array,
  { reach, kernels }: { readonly reach: Float64Array; readonly kernels: HeadKernels },
): { readonly coordinates: Matrix; readonly centre: Float64Array } {
  const centre = shrinkWeights(priorWeights(options.prior, options), reach);
  const stretched = stretchRows(selectRows(options.features, rows), reach);
  if (rows.length >= options.features.cols) return { coordinates: stretched, centre };
  const { features: coordinates, centre: inside } = toRowSpace(stretched, centre, kernels);
  return { coordinates, centre: inside };
}

/**
 * The rows of a class, in random order, go round the folds, and the next class continues at the next fold. Fewer than
 * two rows give no fold.
 */
function dealRows({ labels, identity, ...options }: TrialOptions, rows: Int32Array, coordinates: Matrix) {
  const { classWeights = "tempered", folds = 5 } = options;
  const classes = identity.classes.length;
  const places = Array.from(rows.keys());
  /** places: positions in the sample. */
  const design = (places: readonly number[]) => {
    const chosen = Int32Array.from(places, (place) => labels[rows[place]!]!);
    return createDesign(selectRows(coordinates, places), chosen, { classes, classWeights });
  };
  const whole = design(places);
  const classImportance = new Float64Array(classes);
  for (const [i, weight] of importanceOf(whole.labels, { classes, classWeights }).entries()) {
    classImportance[whole.labels[i]!] = weight;
  }
  const count = rows.length < 2 ? 0 : Math.min(folds, rows.length);
  const byClass = places.toSorted((x, y) => labels[rows[x]!]! - labels[rows[y]!]!);
  const parts = Array.from({ length: count }, (_, k) => ({
    training: design(byClass.filter((_, turn) => turn % count !== k)),
    heldOut: design(byClass.filter((_, turn) => turn % count === k)),
  }));
  return { whole, parts, classImportance };
}

/** The function, which computes the value of each argument once. */
function onceFor<V>(compute: (key: number) => V): (key: number) => V {
  const known = new Map<number, V>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}

/** Mean ‖x‖² of the stretched rows; 1 if all rows are zero, because the value then makes no difference. */
function meanSquareOf({ data, rows, cols }: Matrix, reach: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < data.length; k++) sum += (data[k]! * reach[k % cols]!) ** 2;
  return sum > 0 ? sum / rows : 1;
}

/** The penalty of a fit on `rows` rows, in its unit. */
export function penaltyOf({ strength, meanSquare }: { strength: number; meanSquare: number }, rows: number) {
  return { l2: (strength * meanSquare) / rows, biasL2: biasRows / rows };
}

/**
 * Fits the candidate on each fold's training rows, stores the weights in the fold, and measures the candidate
 * on the held-out rows.
 */
export function crossValidate(trial: Trial, { scale, strength }: PriorTrust): Validated {
  const { meanSquare, classImportance, kernels, whole } = trial;
  const [centre, metric] = [trial.centre(scale), trial.metric(strength)];
  const all = createMatrix(whole.rows, whole.classes);
  let filled = 0;
  let sum = 0;
  const perFold: number[] = [];
  for (const fold of trial.folds) {
    const { training, heldOut } = fold;
    const penalty = { centre, ...penaltyOf({ strength, meanSquare }, training.rows) };
    const fit = { design: training, metric, penalty, start: fold.weights, tolerance, kernels };
    fold.weights = minimizeSoftmax(fit).x;
    const scores = scoresOf(heldOut, fold.weights);
    all.data.set(scores, filled);
    filled += scores.length;
    const losses = sumOfLosses(heldOut, scores, classImportance);
    sum += losses;
    perFold.push(losses / heldOut.rows);
  }
  return { result: { scale, strength, logLoss: sum / whole.rows, perFold }, heldOut: all };
}

/** The labels in the order in which the folds hold the rows out. */
export function labelsHeldOut({ folds }: Trial): Int32Array {
  return Int32Array.from(folds.flatMap(({ heldOut }) => [...heldOut.labels]));
}

/** The mean log-loss of the unchanged prior head over all rows. */
export function priorLogLossOf({ whole, centre, classImportance }: Trial): number {
  return sumOfLosses(whole, scoresOf(whole, centre(1)), classImportance) / whole.rows;
}

function scoresOf({ rows, width, x, classes }: Design, weights: Float64Array): Float64Array {
  const scores = new Float64Array(rows * classes);
  scoreRows({ x, rows, width, classes }, weights, scores);
  return scores;
}

/** Turns the scores into probabilities in place, and returns the sum of the rows' weighted losses. */
function sumOfLosses({ rows, labels, classes }: Design, scores: Float64Array, classImportance: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    const own = scores[i * classes + label]!;
    const { shift, sum: exponentials } = softmaxRow(scores, i * classes, classes);
    sum += classImportance[label]! * (shift + Math.log(exponentials) - own);
  }
  return sum;
}
