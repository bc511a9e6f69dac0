// Chooses how far to trust the prior head against a person's own rows, by cross-validation on those rows. The search
// starts from the usual trust.

import { MlError } from "../error.js";
import { checkExamples, checkNotNegative, checkWhole } from "./examples.js";
import { type LinearRecipe, toOptimum } from "./linear.js";
import {
  type CandidateScore,
  crossValidate,
  labelsHeldOut,
  openTrial,
  type PriorTrust,
  penaltyOf,
  priorLogLossOf,
  type Trial,
  type TrialOptions,
  type Validated,
} from "./prior-trial.js";
import { fitTemperature } from "./temperature.js";

export interface PriorStrengthOptions extends TrialOptions {
  /** The candidates to choose from; with one scale and one strength nothing is left to choose. */
  readonly scales?: readonly number[];
  readonly strengths?: readonly number[];
}

interface PriorStrength extends PriorTrust {
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
const defaultScales: readonly number[] = [0, 0.25, 0.5, 0.75, 1];
/** From a head of the person's own to, in effect, the prior with other biases. */
const defaultStrengths: readonly number[] = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 1000];

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
const ratioCap = 32;
/**
 * k-fold cross-validation by log-loss on at most 400 of the rows, with folds stratified by class. `random` picks and
 * deals the rows. The search moves from the usual trust to the better neighbour, in scale or in strength, until no
 * neighbour is better. A candidate's score is the log-loss of all held-out rows plus its negative log-prior, so
 * leaving the usual trust takes evidence. With fewer rows than folds every row is its own fold, and with one row the
 * usual trust is taken. The prior covers a class that a fold's training rows lack.
 * Throws what fitLinear throws about its examples and its prior, and `empty` or `out-of-range`
 * about candidates and folds.
 */
export function selectPriorStrength(options: PriorStrengthOptions): PriorStrength {
  checkExamples(options);
  const grid = {
    scales: sortedCandidates("scale", options.scales ?? defaultScales),
    strengths: sortedCandidates("strength", options.strengths ?? defaultStrengths),
  };
  checkWhole("folds", options.folds ?? 5, [2, 1000]);
  const trial = openTrial(options);
  const start = leastBy(
    grid.scales.flatMap((_, s) => grid.strengths.map((_, k): Place => [s, k])),
    (place) => negativeLogPrior(trustAt(grid, place)),
  );
  if (trial.folds.length === 0) return concluded(options, trial, trustAt(grid, start));

  const tried = new Map<string, Scored>();
  function score(place: Place): Scored {
    const known = tried.get(String(place));
    if (known !== undefined) return known;
    const trust = trustAt(grid, place);
    const fresh = { place, cost: 0, ...crossValidate(trial, trust) };
    fresh.cost = fresh.result.logLoss * trial.whole.rows + negativeLogPrior(trust);
    tried.set(String(place), fresh);
    return fresh;
  }
  let best = score(start);
  for (let centre: Scored | undefined; centre !== best; ) {
    centre = best;
    for (const place of neighbours(grid, centre.place)) {
      const scored = score(place);
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

interface Scored extends Validated {
  readonly place: Place;
  /** The summed log-loss of the held-out rows plus the negative log-prior. */
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
function negativeLogPrior({ scale, strength }: PriorTrust): number {
  const ratio = Math.min(Math.max(strength / usual.strength, 1 / ratioCap), ratioCap);
  const [ofScale, ofStrength] = [(scale - usual.scale) / usual.scaleSpread, Math.log2(ratio) / usual.strengthSpread];
  return (ofScale ** 2 + ofStrength ** 2) / 2;
}

function concluded(
  { features, classWeights = "tempered" }: PriorStrengthOptions,
  trial: Trial,
  { scale, strength }: PriorTrust,
): PriorStrength {
  const penalty = penaltyOf({ strength, meanSquare: trial.meanSquare }, features.rows);
  return {
    scale,
    strength,
    recipe: { ...toOptimum, ...penalty, priorScale: scale, reach: "prior", classWeights },
    l2: penalty.l2,
    foldScores: [],
    logLoss: null,
    priorLogLoss: priorLogLossOf(trial),
    temperature: 1,
  };
}
