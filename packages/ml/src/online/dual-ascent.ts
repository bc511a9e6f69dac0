// The weights of a linear head as a sum over its rows, and the step that sets one row's share to its optimum.
// Source: dual coordinate ascent (Shalev-Shwartz and Zhang 2013, "Stochastic dual coordinate ascent methods
// for regularized loss minimization").

import type { LinearWeights } from "../heads/head-kernels.js";
import { reachOf } from "../heads/reach.js";
import { solveRow } from "./row-problem.js";

/** The pull towards the prior head. */
export interface Pull {
  /** The share of the prior head's scores that is believed. With 0 the head is the person's alone. */
  readonly scale: number;
  /** In rows, as the strength of a PriorTrust. Without a strength only the biases are learned. */
  readonly strength?: number;
  /** The precision of the biases, in rows. */
  readonly biasStrength: number;
  /** As in a LinearRecipe; `even` lets all weights stray alike. */
  readonly reach: "prior" | "even";
}

export interface AscentRow {
  /** (D), by reference. */
  readonly features: Float32Array;
  /** (classes): the prior's share of the scores. */
  readonly offsets: Float64Array;
  /** ‖r x‖² */
  readonly square: number;
  /** (classes): aᵢ. */
  readonly residual: Float64Array;
}

/**
 * The weights are W = s W₀ + Σ aᵢ (r² xᵢ)ᵀ / λ, and the biases b = s b₀ + Σ aᵢ / biasStrength.
 * At the optimum each aᵢ is row i's weight times its one-hot label less its probabilities.
 * The optimum is that of the weighted cross-entropies plus λ/2 ‖(W - s W₀) / r‖² plus biasStrength/2 ‖b - s b₀‖².
 * The argument perLambda is 1 / λ. It changes as rows come and go, and the sums do not depend on it.
 */
interface Ascent {
  /** A row that has no share in the weights yet. */
  open(features: Float32Array): AscentRow;
  /** Sets the row's aᵢ to the optimum while the others stay: O(classes · D). Returns the largest change. */
  visit(row: AscentRow, target: { label: number; weight: number }, perLambda: number): number;
  /** Takes the row's share out of the sums. */
  remove(row: AscentRow): void;
  /** Adds the sums up again, without the rounding errors of the past: O(rows · classes · D). */
  restore(rows: readonly AscentRow[]): void;
  weights(perLambda: number): LinearWeights;
  /** (D) → (classes) */
  scores(features: Float32Array, perLambda: number): Float64Array;
}

export function createAscent(prior: LinearWeights, { scale, strength, biasStrength, reach }: Pull): Ascent {
  const classes = prior.bias.length;
  const size = prior.weight.length / classes;
  const onlyBiases = strength === undefined;
  const variances = reach === "prior" ? reachOf(prior.weight, size).map((r) => r * r) : new Float64Array(size).fill(1);
  /** Σ aᵢ (r² xᵢ)ᵀ, (classes, D), and Σ aᵢ. */
  const sums = new Float64Array(onlyBiases ? 0 : classes * size);
  const biasSums = new Float64Array(classes);
  const [z, change, reached] = [new Float64Array(classes), new Float64Array(classes), new Float64Array(size)];

  function priorScores(features: Float32Array): Float64Array {
    const scores = prior.bias.slice();
    addProducts(prior.weight, features, scores);
    return scores.map((score) => scale * score);
  }

  function open(features: Float32Array): AscentRow {
    let square = 0;
    for (let d = 0; d < size; d++) square += variances[d]! * features[d]! * features[d]!;
    return { features, offsets: priorScores(features), square, residual: new Float64Array(classes) };
  }

  /** z ← the rows' share of the scores. */
  function ownScores(features: Float32Array, perLambda: number): void {
    z.fill(0);
    if (!onlyBiases) addProducts(sums, features, z);
    for (let c = 0; c < classes; c++) z[c] = z[c]! * perLambda + biasSums[c]! / biasStrength;
  }

  function visit({ features, offsets, square, residual }: AscentRow, target: Target, perLambda: number): number {
    const { label, weight } = target;
    const gain = (onlyBiases ? 0 : square * perLambda) + 1 / biasStrength;
    ownScores(features, perLambda);
    for (let c = 0; c < classes; c++) z[c]! += offsets[c]! - gain * residual[c]!;
    solveRow({ scores: z, label, pull: gain * weight }, change);
    let largest = 0;
    for (let c = 0; c < classes; c++) {
      change[c] = weight * change[c]! - residual[c]!;
      residual[c]! += change[c]!;
      largest = Math.max(largest, Math.abs(change[c]!));
    }
    if (largest > 0) add(features, change, 1);
    return largest;
  }

  function add(features: Float32Array, factors: Float64Array, sign: 1 | -1): void {
    for (let c = 0; c < classes; c++) biasSums[c]! += sign * factors[c]!;
    if (onlyBiases) return;
    for (let d = 0; d < size; d++) reached[d] = variances[d]! * features[d]!;
    for (let c = 0; c < classes; c++) {
      if (factors[c] !== 0) addMultiple(sums.subarray(c * size, (c + 1) * size), reached, sign * factors[c]!);
    }
  }

  function restore(rows: readonly AscentRow[]): void {
    sums.fill(0);
    biasSums.fill(0);
    for (const { features, residual } of rows) add(features, residual, 1);
  }

  function weights(perLambda: number): LinearWeights {
    const weight = prior.weight.map((w, k) => scale * w + (onlyBiases ? 0 : sums[k]! * perLambda));
    return { weight, bias: prior.bias.map((b, c) => scale * b + biasSums[c]! / biasStrength) };
  }

  function scores(features: Float32Array, perLambda: number): Float64Array {
    ownScores(features, perLambda);
    return priorScores(features).map((score, c) => score + z[c]!);
  }

  return {
    open,
    visit,
    remove: ({ features, residual }) => add(features, residual, -1),
    restore,
    weights,
    scores,
  };
}

type Target = Parameters<Ascent["visit"]>[1];

/** y += factor · x, four elements at a time. */
function addMultiple(y: Float64Array, x: Float64Array, factor: number): void {
  const size = x.length;
  let d = 0;
  for (; d + 4 <= size; d += 4) {
    y[d] = y[d]! + factor * x[d]!;
    y[d + 1] = y[d + 1]! + factor * x[d + 1]!;
    y[d + 2] = y[d + 2]! + factor * x[d + 2]!;
    y[d + 3] = y[d + 3]! + factor * x[d + 3]!;
  }
  for (; d < size; d++) y[d] = y[d]! + factor * x[d]!;
}

/**
 * out += weights · x. weights: (classes, D), x: (D), out: (classes). Four sums at a time share each load of x and wait
 * less for themselves. At the end, the last four classes overlap the ones before.
 */
function addProducts(weights: Float64Array, x: Float32Array, out: Float64Array): void {
  const size = x.length;
  const classes = out.length;
  if (classes < 4) {
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < size; d++) out[c]! += x[d]! * weights[c * size + d]!;
    }
    return;
  }
  for (let done = 0; done < classes; done += 4) {
    const c = Math.min(done, classes - 4);
    const w0 = c * size;
    const w1 = w0 + size;
    const w2 = w1 + size;
    const w3 = w2 + size;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let d = 0; d < size; d++) {
      const value = x[d]!;
      s0 += value * weights[w0 + d]!;
      s1 += value * weights[w1 + d]!;
      s2 += value * weights[w2 + d]!;
      s3 += value * weights[w3 + d]!;
    }
    if (c >= done) out[c]! += s0;
    if (c + 1 >= done) out[c + 1]! += s1;
    if (c + 2 >= done) out[c + 2]! += s2;
    out[c + 3]! += s3;
  }
}
