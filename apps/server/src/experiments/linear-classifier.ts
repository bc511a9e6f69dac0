// `linear` in four ways: the paper's Adam and SGD, and the optimum by L-BFGS, plain and with balanced classes.

import { headScores } from "@attune/ml/heads/calibrated";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearRecipe } from "@attune/ml/heads/linear";
import { createRandom } from "@attune/ml/tensor/random";
import { l2Candidates } from "../pretraining/evaluation.js";
import { type Classifier, unlessSingular } from "./classifiers.js";
import { paperSetup } from "./paper.js";

export interface LinearSetting {
  readonly l2: number;
}

/** What the paper leaves open: epochs. Its single-user models converged within 100; with all users an epoch has ten times the steps. */
const adamEpochs = { quick: 30, full: 100 };

/** `linear` as the paper trains it on all users: Adam 1e-4, batch 64. */
export function adamLinear(full: boolean, kernels: HeadKernels): Classifier<LinearSetting> {
  const { adamRate: learningRate, batchSize, l2 } = paperSetup;
  const epochs = full ? adamEpochs.full : adamEpochs.quick;
  const grid = full ? l2 : [0, 0.003, 0.03];
  return linearClassifier(
    `linear-adam-${epochs}`,
    { optimizer: "adam", learningRate, epochs, batchSize },
    { grid, kernels },
  );
}

/** `linear` as the paper trains it on one user: SGD 0.01, batch 64, 100 epochs. */
export function sgdLinear(kernels: HeadKernels): Classifier<LinearSetting> {
  const { sgdRate: learningRate, batchSize, epochs, l2 } = paperSetup;
  return linearClassifier("linear-sgd", { optimizer: "sgd", learningRate, epochs, batchSize }, { grid: l2, kernels });
}

/** Our own row: the optimum of the same objective, nothing to tune but l2. */
export function optimalLinear(classWeights: "balanced" | "none", kernels: HeadKernels): Classifier<LinearSetting> {
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, classWeights } as const;
  return linearClassifier(`linear-optimum-${classWeights}`, recipe, { grid: l2Candidates, kernels });
}

function linearClassifier(
  name: string,
  recipe: Omit<LinearRecipe, "l2">,
  { grid, kernels }: { grid: readonly number[]; kernels: HeadKernels },
): Classifier<LinearSetting> {
  return {
    name: `${name}-${grid.join(",")}`,
    groups: grid.map((l2) => [{ l2 }]),
    deterministic: recipe.optimizer === "lbfgs",
    describe: ({ l2 }) => `l2 ${l2}`,
    fit: ({ problem, examples, group, seed }) =>
      group.map((setting) => {
        const random = createRandom(seed);
        const fit = { ...examples, identity: problem.identity, recipe: { ...recipe, ...setting }, random, kernels };
        const head = unlessSingular(() => fitLinear(fit));
        return head === undefined ? { setting } : { setting, scores: headScores(head) };
      }),
  };
}
