// The linear head: softmax + cross-entropy + L2. It is trained from nothing, or as the maximum a posteriori around a
// prior head. Paper, section 3.2.

import { MlError } from "../error.js";
import { readFloat64, readMatrixShape, refuseOtherTensors } from "../tensor/fields.js";
import type { Matrix } from "../tensor/matrix.js";
import type { Random } from "../tensor/random.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { checkExamples, checkFeatures, checkNotNegative, checkWhole, type Examples } from "./examples.js";
import type { Head } from "./head.js";
import { type HeadHeader, readHeaderOf, recipeChoice, recipeNumber, writeHead } from "./head-file.js";
import type { HeadKernels, LinearWeights } from "./head-kernels.js";
import type { HeadIdentity } from "./identity.js";
import { refuseOtherIdentity } from "./identity.js";
import { growWeights, reachOf, shrinkWeights, stretchRows } from "./reach.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { type ClassWeights, createDesign, type Design, type Penalty } from "./softmax.js";
import { createMetric, minimizeSoftmax, secondMoments } from "./softmax-optimum.js";

const optimizers = ["sgd", "adam", "lbfgs"] as const;
const reaches = ["even", "prior"] as const;
const weightings = ["balanced", "tempered", "mild", "none"] as const satisfies readonly ClassWeights[];

/**
 * One objective with three optimizers: mean cross-entropy + l2/2 ‖W - s W₀‖² + biasL2/2 ‖b - s b₀‖² (W₀ =
 * 0 without a prior).
 */
export interface LinearRecipe {
  /** `lbfgs` finds the optimum of the full batch and uses none of learningRate, epochs and batchSize. */
  readonly optimizer: (typeof optimizers)[number];
  readonly learningRate: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Per row: the same l2 has the same effect whatever N is. */
  readonly l2: number;
  /**
   * Default: l2 with a prior. Without a prior the default is 1e-4, which keeps the bias of a class
   * that never occurs finite.
   */
  readonly biasL2?: number;
  /** s: the share of the prior head's scores that is believed. Default 1; without a prior it has no effect. */
  readonly priorScale?: number;
  /**
   * With `prior`, l2 lets a feature's weights stray further the more the prior head uses the
   * feature (reach.ts). Default `even`.
   */
  readonly reach?: (typeof reaches)[number];
  /** Default `none`. */
  readonly classWeights?: ClassWeights;
}

/** The part of a recipe that finds the optimum and leaves nothing to tune but the penalty. */
export const toOptimum = {
  optimizer: "lbfgs",
  learningRate: 0,
  epochs: 1,
  batchSize: 1,
} as const satisfies Partial<LinearRecipe>;

export interface LinearHead extends Head {
  readonly kind: "linear";
  readonly recipe: LinearRecipe;
  /** (classes, inputSize) */
  readonly weight: Float64Array;
  /** (classes) */
  readonly bias: Float64Array;
}

interface LinearFit extends Examples {
  readonly recipe: LinearRecipe;
  /** Orders the mini-batches; lbfgs draws nothing from it. */
  readonly random: Random;
  /** Training starts at this head's weights, and l2 pulls towards them. */
  readonly prior?: LinearHead;
  /** (N): the relative weight of each row, in place of class weights. */
  readonly importance?: Float64Array;
  /** Checked once in each epoch or iteration. */
  readonly signal?: { readonly aborted: boolean };
  /** The kernels that train the head and compute its predictions. Default: plain TypeScript. */
  readonly kernels?: HeadKernels;
}

const gradientTolerance = 1e-7;
/**
 * Rounding can stop the descent short of the tolerance. With a gradient above this limit, the descent has
 * not found the optimum.
 */
const gradientLimit = 1e-5;
const defaultBiasL2 = 1e-4;

/**
 * features: (N, D), labels: (N). Throws `empty`, `shape`, `out-of-range`, `not-finite`, `mismatch` (a prior of other
 * features), `aborted`, and `singular` when no optimum is found.
 */
export function fitLinear(fit: LinearFit): LinearHead {
  const { features, labels, identity, recipe, prior, kernels = referenceHeadKernels } = fit;
  checkExamples(fit);
  checkRecipe(recipe);
  const classes = identity.classes.length;
  const reach = prior !== undefined && recipe.reach === "prior" ? reachOf(prior.weight, prior.inputSize) : undefined;
  const rows = reach === undefined ? features : stretchRows(features, reach);
  const design = withImportance(
    createDesign(rows, labels, { classes, classWeights: recipe.classWeights ?? "none" }),
    fit.importance,
  );
  const start =
    prior === undefined ? new Float64Array(classes * design.width) : priorWeights(prior, fit, recipe.priorScale);
  if (reach !== undefined) shrinkWeights(start, reach);
  const headOf = (weights: Float64Array) =>
    createLinear(splitWeights(reach === undefined ? weights : growWeights(weights, reach), design.width), {
      identity,
      recipe,
      kernels,
    });
  const biasL2 = recipe.biasL2 ?? (prior === undefined ? defaultBiasL2 : recipe.l2);
  const penalty: Penalty = { centre: start, l2: recipe.l2, biasL2 };
  function stopIfAborted(): void {
    if (fit.signal?.aborted === true) throw new MlError("aborted", "Training the linear head was stopped");
  }
  if (recipe.optimizer !== "lbfgs") {
    return headOf(kernels.descend({ design, penalty, recipe, random: fit.random, onEpoch: stopIfAborted }));
  }
  const result = minimizeSoftmax({
    design,
    metric: createMetric(secondMoments(design, kernels), design.width, { ...penalty, kernels }),
    penalty,
    start,
    tolerance: gradientTolerance,
    onIteration: stopIfAborted,
    kernels,
  });
  if (!(result.gradientNorm <= gradientLimit)) {
    throw new MlError(
      "singular",
      `The linear head found no optimum in ${result.iterations} iterations (gradient ${result.gradientNorm.toExponential(1)}); raise l2 or standardise the features`,
    );
  }
  return headOf(result.x);
}

/** Throws `shape` and `out-of-range`. The result has mean 1, as class weights have, so that l2 keeps its meaning. */
function withImportance(design: Design, importance: Float64Array | undefined): Design {
  if (importance === undefined) return design;
  if (importance.length !== design.rows) {
    throw new MlError("shape", `${design.rows} rows of features but ${importance.length} weights of rows`);
  }
  for (const [i, weight] of importance.entries()) checkNotNegative(`Row ${i}: its weight`, weight);
  const mean = importance.reduce((sum, weight) => sum + weight, 0) / design.rows;
  if (!(mean > 0)) throw new MlError("out-of-range", "The weights of the rows are all zero");
  return { ...design, importance: importance.map((weight) => weight / mean) };
}

/**
 * The prior's weights times `scale` as (classes, D + 1), bias last.
 * Throws `mismatch` or `shape` when the prior does not fit these examples.
 */
export function priorWeights(prior: LinearHead, { features, identity }: Examples, scale = 1): Float64Array {
  refuseOtherIdentity("The prior head", prior.identity, identity);
  if (prior.inputSize !== features.cols) {
    throw new MlError("shape", `The prior head takes ${prior.inputSize} features a row, not ${features.cols}`);
  }
  const { bias, weight } = prior;
  const width = prior.inputSize + 1;
  const joined = new Float64Array(bias.length * width);
  for (let c = 0; c < bias.length; c++) {
    joined.set(weight.subarray(c * (width - 1), (c + 1) * (width - 1)), c * width);
    joined[(c + 1) * width - 1] = bias[c]!;
  }
  return scale === 1 ? joined : joined.map((weight) => scale * weight);
}

function splitWeights(joined: Float64Array, width: number): LinearWeights {
  const classes = joined.length / width;
  const weight = new Float64Array(classes * (width - 1));
  const bias = new Float64Array(classes);
  for (let c = 0; c < classes; c++) {
    weight.set(joined.subarray(c * width, (c + 1) * width - 1), c * (width - 1));
    bias[c] = joined[(c + 1) * width - 1]!;
  }
  return { weight, bias };
}

function createLinear(
  { weight, bias }: LinearWeights,
  { identity, recipe, kernels }: { identity: HeadIdentity; recipe: LinearRecipe; kernels: HeadKernels },
): LinearHead {
  const classes = bias.length;
  const inputSize = weight.length / classes;

  function probabilities(features: Matrix): Matrix {
    checkFeatures(features, inputSize);
    return kernels.softmax(features, { weight, bias });
  }

  function save(): TensorFile {
    const tensors = new Map<string, Tensor>([
      ["weight", { dtype: "F64", shape: [classes, inputSize], data: weight }],
      ["bias", { dtype: "F64", shape: [classes], data: bias }],
    ]);
    return writeHead({ kind: "linear", identity, recipe }, tensors);
  }

  return { kind: "linear", identity, recipe, inputSize, weight, bias, probabilities, save };
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function loadLinear(file: TensorFile, kernels: HeadKernels = referenceHeadKernels): LinearHead {
  const header = readHeaderOf(file, "linear");
  refuseOtherTensors(file, ["weight", "bias"]);
  const classes = header.identity.classes.length;
  const [, inputSize] = readMatrixShape(file, "weight");
  const weight = readFloat64(file, "weight", [classes, inputSize]);
  const bias = readFloat64(file, "bias", [classes]);
  return createLinear({ weight, bias }, { identity: header.identity, recipe: readRecipe(header), kernels });
}

function readRecipe(header: HeadHeader): LinearRecipe {
  const recipe: LinearRecipe = {
    optimizer: recipeChoice(header, "optimizer", optimizers),
    learningRate: recipeNumber(header, "learningRate"),
    epochs: recipeNumber(header, "epochs"),
    batchSize: recipeNumber(header, "batchSize"),
    l2: recipeNumber(header, "l2"),
    ...("biasL2" in header.recipe ? { biasL2: recipeNumber(header, "biasL2") } : {}),
    ...("priorScale" in header.recipe ? { priorScale: recipeNumber(header, "priorScale") } : {}),
    ...("reach" in header.recipe ? { reach: recipeChoice(header, "reach", reaches) } : {}),
    ...("classWeights" in header.recipe ? { classWeights: recipeChoice(header, "classWeights", weightings) } : {}),
  };
  checkRecipe(recipe);
  return recipe;
}

function checkRecipe(recipe: LinearRecipe): void {
  checkNotNegative("l2", recipe.l2);
  if (recipe.biasL2 !== undefined) checkNotNegative("biasL2", recipe.biasL2);
  if (recipe.priorScale !== undefined) checkNotNegative("priorScale", recipe.priorScale);
  if (recipe.optimizer === "lbfgs") return;
  checkNotNegative("learningRate", recipe.learningRate);
  checkWhole("epochs", recipe.epochs, [1, 1_000_000]);
  checkWhole("batchSize", recipe.batchSize, [1, 1_000_000]);
}
