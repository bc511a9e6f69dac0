// Chooses how far to trust the prior head against a person's own rows, by cross-validation on those rows. The search
// starts from the usual trust.

import { MlError } from "../error.js";
import { createMatrix, type Matrix, selectRows } from "../tensor/matrix.js";
import type { Random } from "../tensor/random.js";
import { checkExamples, checkNotNegative, checkWhole, type Examples } from "./examples.js";
import type { HeadKernels } from "./head-kernels.js";
import { type LinearHead, type LinearRecipe, priorWeights, toOptimum } from "./linear.js";
import { reachOf, shrinkWeights, stretchRows } from "./reach.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { toRowSpace } from "./row-space.js";
import { type ClassWeights, createDesign, type Design, importanceOf, scoreRows, softmaxRow } from "./softmax.js";
import { createMetric, type Metric, minimizeSoftmax, secondMoments } from "./softmax-optimum.js";
import { fitTemperature } from "./temperature.js";

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

export interface PriorStrengthOptions extends Examples {
  readonly prior: LinearHead;
  /** Deals the rows into folds; the same generator gives the same choice. */
  readonly random: Random;
  /** The candidates to choose from; with one scale and one strength nothing is left to choose. */
  readonly scales?: readonly number[];
  readonly strengths?: readonly number[];
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

export interface PriorStrength extends PriorTrust {
  /** The recipe for fitting on all the rows, with the prior head as prior. */
  readonly recipe: LinearRecipe;
  /** recipe.l2 */
  readonly l2: number;
  /** In the order of the search; empty when there were fewer than two rows. */
  readonly foldScores: readonly CandidateScore[];
  /** The log-loss of the chosen candidate; null when there were fewer than two rows. */
  readonly logLoss: number | null;
  /** The log-loss of the unchanged prior head, on the same rows with the same weights. */
  readonly priorLogLoss: number;
  /**
   * Fitted on the held-out scores of the chosen candidate, with equal weights for all rows; 1 when there were
   * fewer than two rows.
   */
  readonly temperature: number;
}

/** From no prior at all to the whole prior. */
export const defaultScales: readonly number[] = [0, 0.25, 0.5, 0.75, 1];
/** From a head of the person's own to, in effect, the prior with other biases. */
export const defaultStrengths: readonly number[] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 1000];

/**
 * The usual trust, and how far people stray from it (a standard deviation; for the strength it is in doublings). Two
 * hundred rows say little about either, so cross-validation alone takes noise for a choice. The values were chosen on
 * MELD's train rows of six speakers. The strength lies half way between 0.4, best with a prior, and 0.8, best without
 * one. So neither start is favoured.
 */
const usual = { scale: 0.75, scaleSpread: 0.25, strength: 0.57, strengthSpread: 1.5 } as const;
/**
 * The usual sharpening of a person's scores, which class weights and the folds leave flat.
 * The spread was chosen on MELD's train rows of six speakers, for the log-loss of the rows not drawn.
 * With 200 rows it gains for each of the six; with 50 rows it gains next to nothing.
 */
const usualSharpness = { sharpness: 1, spread: 0.1 } as const;
/** A strength further than this many times from the usual strength costs no more. */
const mostUnusual = 32;
/**
 * The biases' precision, in rows. A person's frequencies of emotions are personal, and few rows are
 * enough to learn them.
 */
const biasRows = 1;

/** Limits the gradient: the choice between candidates needs no greater precision. */
const tolerance = 1e-4;
/** Further rows are not used: they hardly change the choice, but they take time. */
const mostRows = 400;

/**
 * k-fold cross-validation by log-loss on at most 400 of the rows, with folds stratified by class. `random` picks and
 * deals the rows. The search moves from the usual trust to the better neighbour, in scale or in strength, until no
 * neighbour is better. A candidate's score is the log-loss of all held-out rows plus the cost of its strangeness, so
 * leaving the usual trust takes evidence. With fewer rows than folds every row is its own fold, and with one row the
 * usual trust is taken. The prior covers a class that a fold's training rows lack.
 * Throws what fitLinear throws about its examples and its prior, and `empty` or `out-of-range`
 * about candidates and folds.
 */
export function selectPriorStrength(options: PriorStrengthOptions): PriorStrength {
  const steps = priorStrengthSteps(options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same choice in steps of one fit each, so that a caller can do other work in between. */
export function* priorStrengthSteps(options: PriorStrengthOptions): Generator<void, PriorStrength> {
  checkExamples(options);
  const grid = {
    scales: sortedCandidates("scale", options.scales ?? defaultScales),
    strengths: sortedCandidates("strength", options.strengths ?? defaultStrengths),
  };
  checkWhole("folds", options.folds ?? 5, [2, 1000]);
  const trial = openTrial(options);
  const start = leastBy(
    grid.scales.flatMap((_, s) => grid.strengths.map((_, k): Place => [s, k])),
    (place) => strangeness(trustAt(grid, place)),
  );
  if (trial.folds.length === 0) return concluded(options, trial, trustAt(grid, start));

  const tried = new Map<string, Scored>();
  function* score(place: Place): Generator<void, Scored> {
    const known = tried.get(String(place));
    if (known !== undefined) return known;
    const trust = trustAt(grid, place);
    const fresh = { place, cost: 0, ...(yield* crossValidate(trial, trust)) };
    fresh.cost = fresh.result.logLoss * trial.whole.rows + strangeness(trust);
    tried.set(String(place), fresh);
    return fresh;
  }
  let best = yield* score(start);
  for (let centre: Scored | undefined; centre !== best; ) {
    centre = best;
    for (const place of neighbours(grid, centre.place)) {
      const scored = yield* score(place);
      if (scored.cost < best.cost) best = scored;
    }
  }
  const foldScores = [...tried.values()].map(({ result }) => result);
  const temperature = fitTemperature(best.heldOut, labelsHeldOut(trial), usualSharpness);
  return { ...concluded(options, trial, best.result), foldScores, logLoss: best.result.logLoss, temperature };
}

interface Grid {
  /** In ascending order. */
  readonly scales: readonly number[];
  readonly strengths: readonly number[];
}
/** Indices into scales and strengths. */
type Place = readonly [number, number];

interface Validated {
  readonly result: CandidateScore;
  /** (rows, classes): the scores of the held-out rows, fold by fold. */
  readonly heldOut: Matrix;
}

interface Scored extends Validated {
  readonly place: Place;
  /** The summed log-loss of the held-out rows plus the strangeness. */
  cost: number;
}

function sortedCandidates(what: string, candidates: readonly number[]): number[] {
  if (candidates.length === 0) throw new MlError("empty", `No candidates for the prior's ${what}`);
  for (const candidate of candidates) {
    checkNotNegative(`A candidate for the prior's ${what}`, candidate);
  }
  return candidates.toSorted((x, y) => x - y);
}

function trustAt({ scales, strengths }: Grid, [s, k]: Place): PriorTrust {
  return { scale: scales[s]!, strength: strengths[k]! };
}

function neighbours({ scales, strengths }: Grid, [s, k]: Place): Place[] {
  const around: Place[] = [
    [s - 1, k],
    [s + 1, k],
    [s, k - 1],
    [s, k + 1],
  ];
  return around.filter(([s, k]) => s >= 0 && s < scales.length && k >= 0 && k < strengths.length);
}

function leastBy<T>(items: readonly T[], cost: (item: T) => number): T {
  return items.reduce((best, item) => (cost(item) < cost(best) ? item : best));
}

/** Minus the log-density of a trust among people, up to a constant. Its unit is that of log-losses. */
function strangeness({ scale, strength }: PriorTrust): number {
  const ratio = Math.min(Math.max(strength / usual.strength, 1 / mostUnusual), mostUnusual);
  const [ofScale, ofStrength] = [(scale - usual.scale) / usual.scaleSpread, Math.log2(ratio) / usual.strengthSpread];
  return (ofScale ** 2 + ofStrength ** 2) / 2;
}

interface Trial {
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

/**
 * Deals the chosen rows into folds. The rows of a class, in random order, go round the folds, and the next class
 * continues at the next fold.
 */
function openTrial(options: PriorStrengthOptions): Trial {
  const { features, labels, identity, prior, random, kernels = referenceHeadKernels } = options;
  const classWeights = options.classWeights ?? "tempered";
  const classes = identity.classes.length;
  const order = Int32Array.from({ length: features.rows }, (_, i) => i);
  random.shuffle(order);
  const rows = order.subarray(0, mostRows);
  const reach = reachOf(prior.weight, prior.inputSize);
  const centre = shrinkWeights(priorWeights(prior, options), reach);
  const sample = { features: stretchRows(selectRows(features, rows), reach), centre };
  const { features: coordinates, centre: own } =
    rows.length < features.cols ? toRowSpace(sample.features, sample.centre, kernels) : sample;
  /** places: positions in the sample. */
  const design = (places: ArrayLike<number>) => {
    const chosen = Int32Array.from(places, (place) => labels[rows[place]!]!);
    return createDesign(selectRows(coordinates, places), chosen, { classes, classWeights });
  };
  const places = Int32Array.from(rows.keys());
  const whole = design(places);
  const classImportance = new Float64Array(classes);
  for (const [i, weight] of importanceOf(whole.labels, { classes, classWeights }).entries()) {
    classImportance[whole.labels[i]!] = weight;
  }
  const count = rows.length < 2 ? 0 : Math.min(options.folds ?? 5, rows.length);
  const byClass = Array.from(places).sort((x, y) => labels[rows[x]!]! - labels[rows[y]!]!);
  const folds = Array.from({ length: count }, (_, k) => ({
    training: design(byClass.filter((_, turn) => turn % count !== k)),
    heldOut: design(byClass.filter((_, turn) => turn % count === k)),
    weights: own,
  }));
  const meanSquare = meanSquareOf(features, reach);
  const moments = count === 0 ? new Float64Array(0) : secondMoments(whole, kernels);
  const metrics = new Map<number, Metric>();
  return {
    folds,
    whole,
    classImportance,
    meanSquare,
    kernels,
    centre: (scale) => (scale === 1 ? own : own.map((weight) => scale * weight)),
    metric(strength) {
      const known = metrics.get(strength);
      if (known !== undefined) return known;
      const penalty = penaltyOf({ strength, meanSquare }, whole.rows);
      const metric = createMetric(moments, whole.width, { ...penalty, kernels });
      metrics.set(strength, metric);
      return metric;
    },
  };
}

/** Mean ‖x‖² of the stretched rows; 1 if all rows are zero, because the value then makes no difference. */
function meanSquareOf({ data, rows, cols }: Matrix, reach: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < data.length; k++) sum += (data[k]! * reach[k % cols]!) ** 2;
  return sum > 0 ? sum / rows : 1;
}

function penaltyOf({ strength, meanSquare }: { strength: number; meanSquare: number }, rows: number) {
  return { l2: (strength * meanSquare) / rows, biasL2: biasRows / rows };
}

/**
 * Fits the candidate on each fold's training rows, stores the weights in the fold, and measures the candidate
 * on the held-out rows.
 */
function* crossValidate(trial: Trial, { scale, strength }: PriorTrust): Generator<void, Validated> {
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
    yield;
  }
  return { result: { scale, strength, logLoss: sum / whole.rows, perFold }, heldOut: all };
}

/** The labels in the order in which the folds hold the rows out. */
function labelsHeldOut({ folds }: Trial): Int32Array {
  return Int32Array.from(folds.flatMap(({ heldOut }) => [...heldOut.labels]));
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

function concluded(
  { features, classWeights = "tempered" }: PriorStrengthOptions,
  trial: Trial,
  { scale, strength }: PriorTrust,
): PriorStrength {
  const penalty = penaltyOf({ strength, meanSquare: trial.meanSquare }, features.rows);
  const priorLosses = sumOfLosses(trial.whole, scoresOf(trial.whole, trial.centre(1)), trial.classImportance);
  return {
    scale,
    strength,
    recipe: { ...toOptimum, ...penalty, priorScale: scale, reach: "prior", classWeights },
    l2: penalty.l2,
    foldScores: [],
    logLoss: null,
    priorLogLoss: priorLosses / trial.whole.rows,
    temperature: 1,
  };
}
