// The ELM head: a random hidden layer and a ridge regression on one-hot targets, in closed form. Paper, section 3.2; Huang et al. 2006.
import { factorize, solveInPlace } from "../linalg/cholesky.js";
import { addGram } from "../linalg/gram.js";
import { readFloat64, refuseOtherTensors } from "../tensor/fields.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { checkExamples, checkFeatures, type Examples } from "./examples.js";
import type { Head, HeadIdentity } from "./head.js";
import { readHeaderOf, writeHead } from "./head-file.js";
import {
  activate,
  addMoments,
  checkElmRecipe,
  createHiddenLayer,
  type ElmRecipe,
  type HiddenLayer,
  hiddenTensorNames,
  outputScores,
  readHiddenLayer,
  writeHiddenLayer,
} from "./hidden-layer.js";
import { projectOntoSimplex } from "./simplex.js";

export interface ElmHead extends Head {
  readonly kind: "elm";
  readonly recipe: ElmRecipe;
  readonly layer: HiddenLayer;
  /** (classes, hidden) */
  readonly outputWeights: Float64Array;
}

const blockRows = 256; // bounds the memory for hidden outputs, whatever N is

/**
 * features: (N, D), labels: (N). Any N of at least 1 while l2 > 0. Throws `empty`, `shape`, `out-of-range`, `not-finite`, and `singular`
 * when l2 is too small for the Gram matrix to have an inverse (l2 = 0 with fewer rows than hidden units, for one).
 */
export function fitElm(fit: Examples & { readonly recipe: ElmRecipe }): ElmHead {
  const { features, labels, identity, recipe } = fit;
  checkExamples(fit);
  checkElmRecipe(recipe);
  const { hidden } = recipe;
  const layer = createHiddenLayer(recipe, features.cols);
  const gram = new Float64Array(hidden * hidden);
  const outputWeights = new Float64Array(identity.classes.length * hidden);
  for (let start = 0; start < features.rows; start += blockRows) {
    const end = Math.min(start + blockRows, features.rows);
    const h = activate(layer, rowsBetween(features, start, end));
    addGram(gram, h, hidden);
    addMoments(outputWeights, { h, labels: labels.subarray(start, end), hidden }, 1);
  }
  solveInPlace(factorize(gram, hidden, recipe.l2), outputWeights);
  return createElm({ layer, outputWeights, identity, recipe });
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function loadElm(file: TensorFile): ElmHead {
  const header = readHeaderOf(file, "elm");
  refuseOtherTensors(file, [...hiddenTensorNames, "output.weight"]);
  const { recipe, layer } = readHiddenLayer(file, header);
  const outputWeights = readFloat64(file, "output.weight", [header.identity.classes.length, recipe.hidden]);
  return createElm({ layer, outputWeights, identity: header.identity, recipe });
}

/** Rows of features to rows of probabilities, through hidden layer and output weights. Shared with OSELM. */
export function elmProbabilities(
  { layer, outputWeights }: { layer: HiddenLayer; outputWeights: Float64Array },
  features: Matrix,
): Matrix {
  checkFeatures(features, layer.inputSize);
  const classes = outputWeights.length / layer.hidden;
  const result = createMatrix(features.rows, classes);
  const h = activate(layer, features);
  const scores = new Float64Array(classes);
  for (let i = 0; i < features.rows; i++) {
    outputScores(outputWeights, h, { at: i * layer.hidden, out: scores });
    projectOntoSimplex(scores);
    result.data.set(scores, i * classes);
  }
  return result;
}

function createElm(parts: {
  layer: HiddenLayer;
  outputWeights: Float64Array;
  identity: HeadIdentity;
  recipe: ElmRecipe;
}): ElmHead {
  const { layer, outputWeights, identity, recipe } = parts;
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
    probabilities: (features) => elmProbabilities({ layer, outputWeights }, features),
    save,
  };
}

function rowsBetween({ cols, data }: Matrix, start: number, end: number): Matrix {
  return createMatrix(end - start, cols, data.subarray(start * cols, end * cols));
}
