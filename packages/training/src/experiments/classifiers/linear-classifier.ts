// `linear` in five ways: the paper's Adam, the paper's SGD, and the optimum by L-BFGS (plain, with balanced classes,
// with class weights chosen).

import { headScores } from "@attune/ml/heads/calibrated";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearRecipe, toOptimum } from "@attune/ml/heads/linear";
import type { ClassWeights } from "@attune/ml/heads/softmax";
import { createRandom } from "@attune/ml/tensor/random";
import { type LinearSetting, l2Candidates, linearSettings } from "../../freezing/evaluation.js";
import { paperSetup } from "../paper.js";
import { type Classifier, unlessSingular } from "./classifiers.js";

/**
 * The paper states no epochs for all users, where an epoch has ten times the steps. Its single-user
 * models converged within 100.
 */
const adamEpochs = { quick: 30, full: 100 };

/** `linear` as the paper trains it on all users: Adam 1e-4, batch 64. */
export function adamLinear(full: boolean, kernels: HeadKernels): Classifier<LinearSetting> {
  const { adamRate: learningRate, batchSize, l2 } = paperSetup;
  const epochs = full ? adamEpochs.full : adamEpochs.quick;
  const grid = full ? l2 : [0, 0.003, 0.03];
  return linearClassifier(
    `linear-adam-${epochs}`,
    { optimizer: "adam", learningRate, epochs, batchSize },
    { l2: grid, kernels },
  );
}

/** `linear` as the paper trains it on one user: SGD 0.01, batch 64, 100 epochs. */
export function sgdLinear(kernels: HeadKernels): Classifier<LinearSetting> {
  const { sgdRate: learningRate, batchSize, epochs, l2 } = paperSetup;
  return linearClassifier("linear-sgd", { optimizer: "sgd", learningRate, epochs, batchSize }, { l2, kernels });
}

/**
 * A row of our own: the optimum of the same objective, where only l2 and, if there are several, the
 * class weights are chosen.
 */
export function optimalLinear(classWeights: readonly ClassWeights[], kernels: HeadKernels): Classifier<LinearSetting> {
  return linearClassifier(`linear-optimum-${classWeights.join(",")}`, toOptimum, {
    l2: l2Candidates,
    classWeights,
    kernels,
  });
}

interface Grid {
  readonly l2: readonly number[];
  readonly classWeights?: readonly ClassWeights[];
  readonly kernels: HeadKernels;
}

function linearClassifier(
  name: string,
  recipe: Omit<LinearRecipe, "l2">,
  { l2: strengths, classWeights: weightings = ["none"], kernels }: Grid,
): Classifier<LinearSetting> {
  return {
    name: `${name}-${strengths.join(",")}`,
    groups: linearSettings(strengths, weightings).map((setting) => [setting]),
    deterministic: recipe.optimizer === "lbfgs",
    describe: ({ l2, classWeights }) => `l2 ${l2}${weightings.length > 1 ? `, class weights ${classWeights}` : ""}`,
    fit: ({ problem, examples, group, seed }) =>
      group.map((setting) => {
        const random = createRandom(seed);
        const fit = { ...examples, identity: problem.identity, recipe: { ...recipe, ...setting }, random, kernels };
        const head = unlessSingular(() => fitLinear(fit));
        return head === undefined ? { setting } : { setting, scores: headScores(head) };
      }),
  };
}
