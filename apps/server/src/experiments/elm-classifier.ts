// `elm` and `oselm` over the paper's grid: one Gram matrix for all regularisations of a hidden layer, and OSELM fed in chunks.

import { elmProbabilities } from "@attune/ml/heads/elm";
import { activate, addMoments, createHiddenLayer, type ElmRecipe } from "@attune/ml/heads/hidden-layer";
import { createOselm } from "@attune/ml/heads/oselm";
import { factorize, solveInPlace } from "@attune/ml/linalg/cholesky";
import { addGram } from "@attune/ml/linalg/gram";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { type Classifier, type FitInput, type Fitted, unlessSingular } from "./classifiers.js";
import { paperSetup } from "./paper.js";
import type { Examples } from "./workbench.js";

export interface ElmSetting {
  readonly hidden: number;
  /** Per row, as for `linear`; the closed form minimises a sum over N rows and takes l2 N. */
  readonly l2: number;
}

const activation = "sigmoid";
const chunkRows = 64;

/** Both go through the paper's whole grid in either mode: it is cheap. */
const grid: readonly (readonly ElmSetting[])[] = paperSetup.hiddenUnits.map((hidden) =>
  paperSetup.l2.map((l2) => ({ hidden, l2 })),
);

const describe = ({ hidden, l2 }: ElmSetting) => `${hidden} units, l2 ${l2}`;

export interface ElmClassifiers {
  readonly elm: Classifier<ElmSetting>;
  /** Chosen by the batch form, to which it is equal; the measured heads are fed in chunks of 64 rows. */
  readonly oselm: Classifier<ElmSetting>;
}

export function createElmClassifiers(): ElmClassifiers {
  // What `elm` fitted while choosing, until `oselm` on the same features asks for it.
  const held = new Map<string, Fitted<ElmSetting>[]>();
  const keyOf = ({ problem, group, seed }: FitInput<readonly ElmSetting[]>) =>
    `${problem.identity.features}|${seed}|${group[0]!.hidden}`;

  function fit(input: FitInput<readonly ElmSetting[]>): Fitted<ElmSetting>[] {
    const fitted = fitElmGroup(input);
    if (input.check !== undefined) held.set(keyOf(input), fitted);
    return fitted;
  }

  function fitOnline(input: FitInput<readonly ElmSetting[]>): Fitted<ElmSetting>[] {
    if (input.check === undefined) return input.group.map((setting) => feed(input, setting));
    const known = held.get(keyOf(input)) ?? fitElmGroup(input);
    held.delete(keyOf(input));
    return known;
  }

  return {
    elm: { name: `elm-${activation}`, groups: grid, describe, fit },
    oselm: { name: `oselm-${activation}-${chunkRows}`, groups: grid, describe, fit: fitOnline },
  };
}

/** The group is one hidden layer with several regularisations. */
function fitElmGroup({ problem, examples, group, seed }: FitInput<readonly ElmSetting[]>): Fitted<ElmSetting>[] {
  const { hidden } = group[0]!;
  const classes = problem.identity.classes.length;
  const layer = createHiddenLayer(recipeOf(group[0]!, examples, seed), examples.features.cols);
  const gram = new Float64Array(hidden * hidden);
  const moments = new Float64Array(classes * hidden);
  for (const { features, labels } of chunks(examples, 256)) {
    const h = activate(layer, features);
    addGram(gram, h, hidden);
    addMoments(moments, { h, labels, hidden }, 1);
  }
  return group.map((setting) => {
    const outputWeights = unlessSingular(() => {
      const weights = moments.slice();
      solveInPlace(factorize(gram, hidden, recipeOf(setting, examples, seed).l2), weights);
      return weights;
    });
    if (outputWeights === undefined) return { setting };
    return { setting, probabilities: (features) => elmProbabilities({ layer, outputWeights }, features) };
  });
}

function feed({ problem, examples, seed }: FitInput<readonly ElmSetting[]>, setting: ElmSetting): Fitted<ElmSetting> {
  const recipe = recipeOf(setting, examples, seed);
  const head = createOselm({ identity: problem.identity, inputSize: examples.features.cols, recipe });
  for (const { features, labels } of chunks(examples, chunkRows)) head.update(features, labels);
  // The weights are solved for when they are first asked for.
  const solved = unlessSingular(() => head.outputWeights);
  return solved === undefined ? { setting } : { setting, probabilities: head.probabilities };
}

function recipeOf({ hidden, l2 }: ElmSetting, { labels }: Examples, seed: number): ElmRecipe {
  return { hidden, activation, l2: l2 * labels.length, seed };
}

function* chunks({ features, labels }: Examples, rows: number): Generator<Examples> {
  const { cols, data } = features;
  for (let start = 0; start < labels.length; start += rows) {
    const end = Math.min(start + rows, labels.length);
    const part = createMatrix(end - start, cols, data.subarray(start * cols, end * cols));
    yield { features: part, labels: labels.subarray(start, end) };
  }
}
