// The OSELM head: the ELM that learns row by row and can forget rows again, always equal to the batch solution over the rows it holds.
// Paper, section 3.2; Liang et al. 2006. Not their recursive inverse, which drifts: exact sums, and a Cholesky factor kept current.
import { MlError } from "../error.js";
import {
  type Cholesky,
  createRankOneScratch,
  factorize,
  rankOneDowndate,
  rankOneUpdate,
  solveInPlace,
} from "../linalg/cholesky.js";
import { addGram, addOuterProduct } from "../linalg/gram.js";
import type { Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { type ElmHead, elmProbabilities } from "./elm.js";
import { checkFeatures, checkIdentity, checkLabels, checkWhole } from "./examples.js";
import type { Head, HeadIdentity } from "./head.js";
import {
  activate,
  addMoments,
  checkElmRecipe,
  createHiddenLayer,
  type ElmRecipe,
  outputScores,
} from "./hidden-layer.js";
import { refuseOtherIdentity } from "./identity.js";
import { createSums, type OselmState, readState, writeState } from "./oselm-state.js";

export interface OselmHead extends Head {
  readonly kind: "oselm";
  readonly recipe: ElmRecipe;
  /** Rows held: learned and not forgotten. */
  readonly count: number;
  /** (classes, hidden). Throws `singular` when l2 is too small for the rows held to determine them. */
  readonly outputWeights: Float64Array;
  /** Learns rows (N, inputSize) with labels (N), one or many. Throws `shape`, `out-of-range`, `not-finite`; then nothing was learned. */
  update(features: Matrix, labels: Int32Array): void;
  /**
   * Takes away rows learned before. Afterwards the head is what training without them gives, and its file is that to the last bit (up to
   * 2²¹ rows held). Throws as `update`, and `out-of-range` for rows of a class of which fewer are held; then nothing was forgotten.
   */
  forget(features: Matrix, labels: Int32Array): void;
}

export interface OselmOptions {
  readonly identity: HeadIdentity;
  readonly inputSize: number;
  readonly recipe: ElmRecipe;
  /** Where the weights start and what l2 pulls towards: a head with the same hidden layer. */
  readonly prior?: ElmHead;
}

/** A head that holds no rows yet: it answers as its prior, or gives every class the same probability. */
export function createOselm({ identity, inputSize, recipe, prior }: OselmOptions): OselmHead {
  checkIdentity(identity);
  checkElmRecipe(recipe);
  checkWhole("inputSize", inputSize, [1, 65_536]);
  const classes = identity.classes.length;
  const sums = createSums(classes, recipe.hidden);
  if (prior === undefined) {
    return createHead({ identity, recipe, layer: createHiddenLayer(recipe, inputSize), sums });
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
  return createHead({ identity, recipe, layer: prior.layer, sums, priorWeights: prior.outputWeights });
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function loadOselm(file: TensorFile): OselmHead {
  return createHead(readState(file));
}

/** After so many rank-1 changes the factor is taken from the sums again, so that rounding never gathers. */
const changesPerFactor = 512;

interface Solution {
  readonly cholesky: Cholesky;
  readonly weights: Float64Array;
  changes: number;
}

function createHead(state: OselmState): OselmHead {
  const { identity, recipe, layer, sums, priorWeights } = state;
  const { hidden, l2 } = recipe;
  const classes = identity.classes.length;
  const scratch = createRankOneScratch(hidden);
  const scores = new Float64Array(classes);
  let solution: Solution | undefined;

  /** From the sums alone, so that it depends on which rows are held and not on how they came and went. */
  function solve(): Solution {
    const cholesky = factorize(sums.gram, hidden, l2);
    const weights = sums.moments.slice();
    if (priorWeights !== undefined) {
      for (let k = 0; k < weights.length; k++) {
        weights[k]! += l2 * priorWeights[k]!;
      }
    }
    solveInPlace(cholesky, weights);
    return { cholesky, weights, changes: 0 };
  }

  function outputWeights(): Float64Array {
    if (sums.count === 0) return priorWeights ?? new Float64Array(classes * hidden);
    solution ??= solve();
    return solution.weights;
  }

  function change(features: Matrix, labels: Int32Array, sign: 1 | -1): void {
    checkFeatures(features, layer.inputSize);
    checkLabels(labels, features.rows, classes);
    if (sign === -1) refuseUnknownRows(sums.classCounts, labels);
    const h = activate(layer, features);
    addMoments(sums.moments, { h, labels, hidden }, sign);
    for (const label of labels) {
      sums.classCounts[label]! += sign;
    }
    sums.count += sign * labels.length;
    changeGram(h, sign);
    // Rank-1 changes cost 3 hidden² a row, a new factor hidden³ / 6 once.
    const worthwhile = labels.length * 16 <= hidden;
    if (solution === undefined || !worthwhile || solution.changes + labels.length > changesPerFactor) {
      solution = undefined;
      return;
    }
    for (let i = 0; i < labels.length && solution !== undefined; i++) {
      solution = changeSolution(solution, h.subarray(i * hidden, (i + 1) * hidden), { label: labels[i]!, sign });
    }
  }

  function changeGram(h: Float64Array, sign: 1 | -1): void {
    if (sign === 1) {
      addGram(sums.gram, h, hidden);
      return;
    }
    for (let at = 0; at < h.length; at += hidden) {
      addOuterProduct(sums.gram, h.subarray(at, at + hidden), -1);
    }
  }

  /** W ← W ± A⁻¹ h (y - W h), with A after the change; undefined when only the sums can tell the new factor. */
  function changeSolution(
    { cholesky, weights, changes }: Solution,
    h: Float64Array,
    { label, sign }: { label: number; sign: 1 | -1 },
  ): Solution | undefined {
    outputScores(weights, h, { at: 0, out: scores });
    if (sign === 1) {
      rankOneUpdate(cholesky, h, scratch);
    } else if (!rankOneDowndate(cholesky, h, scratch)) {
      return undefined;
    }
    const { gain } = scratch;
    for (let c = 0; c < classes; c++) {
      const error = (c === label ? 1 : 0) - scores[c]!;
      const w = c * hidden;
      for (let j = 0; j < hidden; j++) {
        weights[w + j]! += error * gain[j]!;
      }
    }
    return { cholesky, weights, changes: changes + 1 };
  }

  return {
    kind: "oselm",
    identity,
    recipe,
    inputSize: layer.inputSize,
    get count() {
      return sums.count;
    },
    get outputWeights() {
      return outputWeights();
    },
    probabilities: (features) => elmProbabilities({ layer, outputWeights: outputWeights() }, features),
    update: (features, labels) => change(features, labels, 1),
    forget: (features, labels) => change(features, labels, -1),
    save: () => writeState(state),
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
