// The ELM head: a random hidden layer and a ridge regression on one-hot targets, in closed form. Paper, section 3.2;
// Huang et al. 2006.

import { readFloat64, refuseOtherTensors } from "../tensor/fields.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { checkExamples, checkFeatures, type Examples } from "./examples.js";
import type { Head } from "./head.js";
import { readHeaderOf, writeHead } from "./head-file.js";
import type { HeadKernels } from "./head-kernels.js";
import {
  checkElmRecipe,
  createHiddenLayer,
  type ElmRecipe,
  type HiddenLayer,
  hiddenTensorNames,
  readHiddenLayer,
  writeHiddenLayer,
} from "./hidden-layer.js";
import type { HeadIdentity } from "./identity.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { projectOntoSimplex } from "./simplex.js";

export interface ElmHead extends Head {
  readonly kind: "elm";
  readonly recipe: ElmRecipe;
  readonly layer: HiddenLayer;
  /** (classes, hidden) */
  readonly outputWeights: Float64Array;
}

/**
 * features: (N, D), labels: (N). Any N of at least 1 is enough while l2 > 0. Throws `empty`,
 * `shape`, `out-of-range` and `not-finite`.
 * Throws `singular` when l2 is too small for the Gram matrix to have an inverse. That happens, for one, with l2 = 0 and
 * fewer rows than hidden units.
 */
export function fitElm(fit: Examples & { readonly recipe: ElmRecipe; readonly kernels?: HeadKernels }): ElmHead {
  const { features, labels, identity, recipe, kernels = referenceHeadKernels } = fit;
  checkExamples(fit);
  checkElmRecipe(recipe);
  const layer = createHiddenLayer(recipe, features.cols);
  const { gram, moments } = kernels.elmSums(layer, { features, labels, classes: identity.classes.length });
  kernels.factorize(gram, recipe.hidden, recipe.l2).solveInPlace(moments);
  return createElm({ layer, outputWeights: moments, identity, recipe, kernels });
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function loadElm(file: TensorFile, kernels: HeadKernels = referenceHeadKernels): ElmHead {
  const header = readHeaderOf(file, "elm");
  refuseOtherTensors(file, [...hiddenTensorNames, "output.weight"]);
  const { recipe, layer } = readHiddenLayer(file, header);
  const outputWeights = readFloat64(file, "output.weight", [header.identity.classes.length, recipe.hidden]);
  return createElm({ layer, outputWeights, identity: header.identity, recipe, kernels });
}

interface ElmAnswer {
  readonly layer: HiddenLayer;
  /** (classes, hidden) */
  readonly outputWeights: Float64Array;
  readonly kernels?: HeadKernels;
}

/**
 * Computes rows of probabilities from rows of features, through hidden layer and output weights. OSELM
 * uses this function, too.
 */
export function elmProbabilities(
  { layer, outputWeights, kernels = referenceHeadKernels }: ElmAnswer,
  features: Matrix,
): Matrix {
  checkFeatures(features, layer.inputSize);
  const classes = outputWeights.length / layer.hidden;
  if (features.rows === 0) return createMatrix(0, classes);
  const scores = kernels.elmScores(layer, features, outputWeights);
  for (let i = 0; i < features.rows; i++) {
    projectOntoSimplex(scores.subarray(i * classes, (i + 1) * classes));
  }
  return createMatrix(features.rows, classes, Float32Array.from(scores));
}

function createElm(parts: {
  layer: HiddenLayer;
  outputWeights: Float64Array;
  identity: HeadIdentity;
  recipe: ElmRecipe;
  kernels: HeadKernels;
}): ElmHead {
  const { layer, outputWeights, identity, recipe, kernels } = parts;
  function save(): TensorFile {
    const shape = [identity.classes.length, recipe.hidden];
    const tensors = new Map<string, Tensor>(writeHiddenLayer(layer));
    tensors.set("output.weight", { dtype: "F64", shape, data: outputWeights });
    return writeHead({ kind: "elm", identity, recipe }, tensors);
  }
  return {
    kind: "elm",
    identity,
    recipe,
    layer,
    inputSize: layer.inputSize,
    outputWeights,
    probabilities: (features) => elmProbabilities({ layer, outputWeights, kernels }, features),
    save,
  };
}
