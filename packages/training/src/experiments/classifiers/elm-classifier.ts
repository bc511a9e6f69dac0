// `elm` and `oselm` over the paper's grid, plain and with balanced classes; OSELM is fed in chunks. The sums of one
// hidden layer serve all regularisations and weightings.

import { headScores, outputsOf } from "@attune/ml/heads/calibrated";
import { type ClassSums, createClassSums } from "@attune/ml/heads/class-sums";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { activate, createHiddenLayer, type ElmRecipe, type HiddenLayer } from "@attune/ml/heads/hidden-layer";
import { createOselm } from "@attune/ml/heads/oselm";
import { referenceHeadKernels } from "@attune/ml/heads/reference-head-kernels";
import { projectOntoSimplex } from "@attune/ml/heads/simplex";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { paperSetup } from "../paper.js";
import { type Examples, keepLatest } from "../workbench/workbench.js";
import { type Classifier, type FitInput, type Fitted, unlessSingular } from "./classifiers.js";

interface ElmSetting {
  readonly hidden: number;
  /** Per row, as for `linear`; the closed form minimises a sum over N rows and takes l2 N. */
  readonly l2: number;
}

const activation = "sigmoid";
const chunkRows = 64;

/** Every mode uses the paper's whole grid, because it is cheap. */
const grid: readonly (readonly ElmSetting[])[] = paperSetup.hiddenUnits.map((hidden) =>
  paperSetup.l2.map((l2) => ({ hidden, l2 })),
);

type Weighting = Parameters<ClassSums["solve"]>[0]["classWeights"];
type Input = FitInput<readonly ElmSetting[]>;

export interface ElmClassifiers {
  readonly elm: Classifier<ElmSetting>;
  readonly elmBalanced: Classifier<ElmSetting>;
  /**
   * The setting is chosen by the batch form, which gives equal results; the measured heads are fed in
   * chunks of 64 rows.
   */
  readonly oselm: Classifier<ElmSetting>;
  readonly oselmBalanced: Classifier<ElmSetting>;
}

/** A hidden layer with its activations for the rows to choose on. */
interface Summed {
  readonly layer: HiddenLayer;
  readonly sums: ClassSums;
  /** (rows, hidden) */
  readonly checked: Float64Array | undefined;
}

export function createElmClassifiers(kernels: HeadKernels = referenceHeadKernels): ElmClassifiers {
  const summed = keepOfLatest<Summed>();

  function sum({ problem, examples, group, seed, check }: Input): Summed {
    const layer = createHiddenLayer(recipeOf(group[0]!, examples, seed), examples.features.cols);
    const sums = createClassSums({ layer, classes: problem.identity.classes.length, kernels });
    sums.update(examples.features, examples.labels);
    return { layer, sums, checked: check === undefined ? undefined : activate(layer, check.features) };
  }

  function fit(input: Input, classWeights: Weighting): Fitted<ElmSetting>[] {
    const { problem, group, seed, check, examples } = input;
    const make = () => sum(input);
    const owner = `${problem.identity.features}|${examples.labels.length}`;
    const held = check === undefined ? make() : summed(owner, `${seed}|${group[0]!.hidden}`, make);
    const { layer, sums, checked } = held;
    return group.map((setting) => {
      const { l2 } = recipeOf(setting, examples, seed);
      const weights = unlessSingular(() => sums.solve({ l2, classWeights }));
      if (weights === undefined) return { setting };
      const outputs = (features: Matrix) =>
        features === check?.features && checked !== undefined ? checked : activate(layer, features);
      return { setting, scores: (features) => outputsOf(outputs(features), weights, layer.hidden) };
    });
  }

  const classifier = (kind: "elm" | "oselm", classWeights: Weighting): Classifier<ElmSetting> => ({
    name: `${kind}${classWeights === "none" ? "" : " balanced"}-${activation}-${kind === "elm" ? "batch" : chunkRows}`,
    groups: grid,
    describe: ({ hidden, l2 }) => `${hidden} units, l2 ${l2}`,
    plain: projectRows,
    fit: (input) =>
      kind === "elm" || input.check !== undefined
        ? fit(input, classWeights)
        : input.group.map((setting) => feed(input, { setting, classWeights, kernels })),
  });
  return {
    elm: classifier("elm", "none"),
    elmBalanced: classifier("elm", "balanced"),
    oselm: classifier("oselm", "none"),
    oselmBalanced: classifier("oselm", "balanced"),
  };
}

function feed(
  { problem, examples, seed }: Input,
  { setting, classWeights, kernels }: { setting: ElmSetting; classWeights: Weighting; kernels: HeadKernels },
): Fitted<ElmSetting> {
  const recipe = recipeOf(setting, examples, seed);
  const { identity } = problem;
  const inputSize = examples.features.cols;
  if (classWeights === "balanced") {
    const layer = createHiddenLayer(recipe, inputSize);
    const sums = createClassSums({ layer, classes: identity.classes.length, kernels });
    for (const { features, labels } of chunks(examples, chunkRows)) sums.update(features, labels);
    const weights = unlessSingular(() => sums.solve({ l2: recipe.l2, classWeights }));
    if (weights === undefined) return { setting };
    return { setting, scores: (features) => outputsOf(activate(layer, features), weights, layer.hidden) };
  }
  const head = createOselm({ identity, inputSize, recipe, kernels });
  for (const { features, labels } of chunks(examples, chunkRows)) head.update(features, labels);
  // The first request for the weights solves the equations.
  const solved = unlessSingular(() => head.outputWeights);
  return solved === undefined ? { setting } : { setting, scores: headScores(head) };
}

/** The probabilities of a head without a temperature (simplex.ts). */
function projectRows({ rows, cols, data }: Matrix): Matrix {
  const result = createMatrix(rows, cols);
  for (let i = 0; i < rows; i++) {
    const row = Float64Array.from(data.subarray(i * cols, (i + 1) * cols));
    projectOntoSimplex(row);
    result.data.set(row, i * cols);
  }
  return result;
}

/** Values by key for one owner. Those of the previous owner are dropped, because they are large. */
function keepOfLatest<T>(): (owner: string, key: string, make: () => T) => T {
  const latest = keepLatest<Map<string, T>>();
  return (owner, key, make) => {
    const values = latest(owner, () => new Map());
    const value = values.get(key) ?? make();
    values.set(key, value);
    return value;
  };
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
