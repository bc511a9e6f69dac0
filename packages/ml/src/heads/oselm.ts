// The OSELM head is an ELM that learns row by row and can forget rows again. It always equals the batch solution over
// the rows it holds. Paper, section 3.2; Liang et al. 2006. Their recursive inverse drifts, so this head keeps exact
// sums and a current Cholesky factor instead.

import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { type ElmHead, elmProbabilities } from "./elm.js";
import { checkFeatures, checkIdentity, checkLabels, checkWhole } from "./examples.js";
import type { Head } from "./head.js";
import type { HeadKernels } from "./head-kernels.js";
import { checkElmRecipe, createHiddenLayer, type ElmRecipe, type HiddenLayer } from "./hidden-layer.js";
import type { HeadIdentity } from "./identity.js";
import { refuseOtherIdentity } from "./identity.js";
import { type OselmState, readState, writeState } from "./oselm-state.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";

export interface OselmHead extends Head {
  readonly kind: "oselm";
  readonly recipe: ElmRecipe;
  readonly layer: HiddenLayer;
  /** The number of rows held: learned and not forgotten. */
  readonly count: number;
  /** (classes, hidden). Throws `singular` when l2 is too small for the rows held to determine them. */
  readonly outputWeights: Float64Array;
  /**
   * Learns rows (N, inputSize) with labels (N), one or many. Throws `shape`, `out-of-range`, `not-finite`;
   * then nothing was learned.
   */
  update(features: Matrix, labels: Int32Array): void;
  /**
   * Takes away rows that were learned before. Afterwards the head equals a head trained without these rows, and its
   * file does so to the last bit. This holds for up to 2²¹ rows held. Throws as `update`, and `out-of-range` for more
   * rows of a class than are held; then nothing was forgotten.
   */
  forget(features: Matrix, labels: Int32Array): void;
}

interface OselmOptions {
  readonly identity: HeadIdentity;
  readonly inputSize: number;
  readonly recipe: ElmRecipe;
  /** A head with the same hidden layer. The weights start at this head's weights, and l2 pulls towards them. */
  readonly prior?: ElmHead;
  /** The kernels that learn and predict. Default: plain TypeScript. */
  readonly kernels?: HeadKernels;
}

/** A head that holds no rows yet. It predicts as its prior, or gives every class the same probability. */
export function createOselm(options: OselmOptions): OselmHead {
  const { identity, inputSize, recipe, prior, kernels = referenceHeadKernels } = options;
  checkIdentity(identity);
  checkElmRecipe(recipe);
  checkWhole("inputSize", inputSize, [1, 65_536]);
  if (prior === undefined) {
    return createHead({ identity, recipe, layer: createHiddenLayer(recipe, inputSize) }, kernels);
  }
  refuseOtherIdentity("The prior head", prior.identity, identity);
  const { hidden, activation, seed } = prior.recipe;
  if (hidden !== recipe.hidden || activation !== recipe.activation || seed !== recipe.seed) {
    throw new MlError(
      "mismatch",
      `The prior head's hidden layer (${hidden} ${activation}, seed ${seed}) is not the recipe's (${recipe.hidden} ${recipe.activation}, seed ${recipe.seed})`,
    );
  }
  if (prior.inputSize !== inputSize) {
    throw new MlError("shape", `The prior head takes ${prior.inputSize} features a row, not ${inputSize}`);
  }
  return createHead({ identity, recipe, layer: prior.layer, priorWeights: prior.outputWeights }, kernels);
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function loadOselm(file: TensorFile, kernels: HeadKernels = referenceHeadKernels): OselmHead {
  return createHead(readState(file), kernels);
}

/**
 * After this many rank-1 changes the factor is computed from the sums again, so that rounding errors do not accumulate.
 */
const changesPerFactor = 512;

interface HeldRows extends Omit<OselmState, "sums"> {
  /** Default: none. */
  readonly sums?: OselmState["sums"];
}

function createHead({ sums: held, ...fixed }: HeldRows, kernels: HeadKernels): OselmHead {
  const { identity, recipe, layer, priorWeights } = fixed;
  const { hidden, l2 } = recipe;
  const classes = identity.classes.length;
  const kernel = kernels.openOselm(layer, classes);
  if (held !== undefined) {
    kernel.gram.set(held.gram);
    kernel.moments.set(held.moments);
  }
  const sums = {
    gram: kernel.gram,
    moments: kernel.moments,
    classCounts: held?.classCounts ?? new Float64Array(classes),
    count: held?.count ?? 0,
  };
  /**
   * The number of rank-1 changes since the kernel last solved for its weights; undefined while the weights do
   * not match the sums.
   */
  let changes: number | undefined;

  /**
   * Computed from the sums alone at the first request, so that the weights depend on the rows held and not on
   * the order of changes.
   */
  function outputWeights(): Float64Array {
    if (sums.count === 0) return priorWeights ?? new Float64Array(classes * hidden);
    if (changes === undefined) {
      kernel.solve(l2, priorWeights);
      changes = 0;
    }
    return kernel.weights;
  }

  function change(features: Matrix, labels: Int32Array, sign: 1 | -1): void {
    checkFeatures(features, layer.inputSize);
    checkLabels(labels, features.rows, classes);
    if (sign === -1) refuseUnknownRows(sums.classCounts, labels);
    const rows = labels.length;
    if (rows === 0) return;
    // Rank-1 changes cost 3 hidden² for each row; a new factor costs hidden³ / 6 once.
    const follow = changes !== undefined && rows * 16 <= hidden && changes + rows <= changesPerFactor;
    const followed = kernel.change(features, labels, { sign, follow });
    changes = follow && followed === rows ? changes! + rows : undefined;
    for (const label of labels) {
      sums.classCounts[label]! += sign;
    }
    sums.count += sign * rows;
  }

  return {
    kind: "oselm",
    identity,
    recipe,
    layer,
    inputSize: layer.inputSize,
    get count() {
      return sums.count;
    },
    get outputWeights() {
      return outputWeights();
    },
    probabilities: (features) => elmProbabilities({ layer, outputWeights: outputWeights(), kernels }, features),
    update: (features, labels) => change(features, labels, 1),
    forget: (features, labels) => change(features, labels, -1),
    save: () => writeState({ ...fixed, sums }),
  };
}

function refuseUnknownRows(classCounts: Float64Array, labels: Int32Array): void {
  const left = classCounts.slice();
  for (const label of labels) {
    left[label]!--;
    if (left[label]! < 0) {
      throw new MlError(
        "out-of-range",
        `More rows of class ${label} to forget than the ${classCounts[label]} held; forget only rows learned before`,
      );
    }
  }
}
