// The weights of a linear head as a sum over its rows, and the step that sets one row's share to its optimum.
// Source: dual coordinate ascent (Shalev-Shwartz and Zhang 2013, "Stochastic dual coordinate ascent methods
// for regularized loss minimization").

import type { AscentRow, HeadKernels, LinearWeights } from "../heads/head-kernels.js";
import { reachOf } from "../heads/reach.js";
import { addProducts, addShare } from "../heads/reference-ascent.js";

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

interface Visits {
  /** (classes): the weight of a row of each class. */
  readonly importance: Float64Array;
  /** 1 / λ. It changes as rows come and go, and the sums do not depend on it. */
  readonly perLambda: number;
}

/**
 * The weights are W = s W₀ + Σ aᵢ (r² xᵢ)ᵀ / λ, and the biases b = s b₀ + Σ aᵢ / biasStrength.
 * At the optimum each aᵢ is row i's weight times its one-hot label less its probabilities.
 * The optimum is that of the weighted cross-entropies plus λ/2 ‖(W - s W₀) / r‖² plus biasStrength/2 ‖b - s b₀‖².
 */
interface Ascent {
  /** A row that has no share in the weights yet. */
  open(features: Float32Array, label: number): AscentRow;
  /** Sets each row's aᵢ in turn to the optimum while the others stay. Returns the largest change. */
  visit(rows: readonly AscentRow[], how: Visits): number;
  /** Takes the row's share out of the sums. */
  remove(row: AscentRow): void;
  /** Adds the sums up again, without the rounding errors of the past: O(rows · classes · D). */
  restore(rows: readonly AscentRow[]): void;
  weights(perLambda: number): LinearWeights;
  /** (D) → (classes) */
  scores(features: Float32Array, perLambda: number): Float64Array;
}

export function createAscent(
  prior: LinearWeights,
  { scale, strength, biasStrength, reach }: Pull,
  kernels: Pick<HeadKernels, "openAscent">,
): Ascent {
  const classes = prior.bias.length;
  const onlyBiases = strength === undefined;
  /** The features of each row if only biases are learned: a single 0. */
  const none = new Float32Array(1);
  const variances = onlyBiases ? new Float64Array(1) : variancesOf(prior, reach);
  const { sums, biasSums, visit } = kernels.openAscent(variances, classes);
  const own = { variances, sums, biasSums, reached: new Float64Array(variances.length) };
  const perBias = 1 / biasStrength;
  const seen = (features: Float32Array) => (onlyBiases ? none : features);

  /** A label's text is mostly scored just before it is learned. */
  let last = { features: new Float32Array(), scores: new Float64Array(classes) };

  function priorScores(features: Float32Array): Float64Array {
    if (scale === 0) return new Float64Array(classes);
    if (!areEqual(features, last.features)) {
      const scores = prior.bias.slice();
      addProducts(prior.weight, features, scores);
      last = { features: features.slice(), scores: scores.map((score) => scale * score) };
    }
    return last.scores.slice();
  }

  function open(features: Float32Array, label: number): AscentRow {
    const x = seen(features);
    let square = 0;
    for (let d = 0; d < x.length; d++) square += variances[d]! * x[d]! * x[d]!;
    return { features: x, label, offsets: priorScores(features), square, residual: new Float64Array(classes) };
  }

  function restore(rows: readonly AscentRow[]): void {
    sums.fill(0);
    biasSums.fill(0);
    for (const { features, residual } of rows) addShare(own, features, residual);
  }

  function weights(perLambda: number): LinearWeights {
    const weight = prior.weight.map((w, k) => scale * w + (onlyBiases ? 0 : sums[k]! * perLambda));
    return { weight, bias: prior.bias.map((b, c) => scale * b + biasSums[c]! * perBias) };
  }

  function scores(features: Float32Array, perLambda: number): Float64Array {
    const products = new Float64Array(classes);
    addProducts(sums, seen(features), products);
    return priorScores(features).map((score, c) => score + products[c]! * perLambda + biasSums[c]! * perBias);
  }

  return {
    open,
    visit: (rows, { importance, perLambda }) => visit(rows, { importance, perLambda, perBias }),
    remove: ({ features, residual }) =>
      addShare(
        own,
        features,
        residual.map((value) => -value),
      ),
    restore,
    weights,
    scores,
  };
}

/** (D): r² */
function variancesOf({ weight, bias }: LinearWeights, reach: Pull["reach"]): Float64Array {
  const size = weight.length / bias.length;
  return reach === "prior" ? reachOf(weight, size).map((r) => r * r) : new Float64Array(size).fill(1);
}

function areEqual(x: Float32Array, y: Float32Array): boolean {
  for (let d = 0; d < x.length; d++) if (x[d] !== y[d]) return false;
  return true;
}
