// Measures a person's own head as the edge agent trains it: from scratch and on top of a prior head, from
// n of their utterances.

import type { Head } from "@attune/ml/heads/head";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import type { HeadIdentity } from "@attune/ml/heads/identity";
import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { type PriorStrengthOptions, selectPriorStrength } from "@attune/ml/heads/prior";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { linearExperts } from "@attune/ml/online/experts";
import { createPersonMixture } from "@attune/ml/online/person-mixture";
import { row } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { type Examples, subset } from "../workbench/workbench.js";

/** Numbers of a person's utterances; Infinity stands for all. */
export const sampleCounts: readonly number[] = [0, 25, 50, 100, 200, 500, Number.POSITIVE_INFINITY];
/**
 * The number of draws of `count` utterances. The weighted F1 of a small draw varies with a deviation of 0.02 to 0.03.
 */
export const drawsOf = (count: number): number => (count <= 200 ? 20 : 5);

interface PersonProblem {
  readonly train: Examples;
  readonly measure: Examples;
  readonly prior: LinearHead;
  readonly learn: Learner;
}

/** Makes a head out of a person's utterances, in their order. */
type Learner = (sample: Examples) => Pick<Head, "probabilities">;

/** The candidates for the trust in the prior. */
type Candidates = Pick<PriorStrengthOptions, "scales" | "strengths">;

/** Ignores the prior head: all weights are learned, and the pull towards zero is chosen as a prior's strength is. */
export const fromScratch: Candidates = { scales: [0] };
/** Keeps the prior head's weights: only how often a person shows which emotion is learned. */
export const biasesOnly: Candidates = { scales: [1], strengths: [1e6] };

/**
 * Weighted F1 by `sampleCounts`, then by draw of the utterances. With none and with all utterances there is nothing to
 * draw, so there is one run. The trust in the prior is chosen each time on the n utterances alone.
 */
export function personCurve(problem: PersonProblem, report: (fraction: number) => void): number[][] {
  const { train, measure, prior, learn } = problem;
  const classes = prior.identity.classes.length;
  return sampleCounts.map((count, index) => {
    report(index / sampleCounts.length);
    if (count === 0) return [scoreOf(prior, measure, classes)];
    const draws = count < train.labels.length ? drawsOf(count) : 1;
    // Every start learns from the same draws.
    return Array.from({ length: draws }, (_, i) => scoreOf(learn(draw(train, count, i + 1)), measure, classes));
  });
}

/** `count` rows by lot; a draw of 50 holds the draw of 25. */
function draw(examples: Examples, count: number, seed: number): Examples {
  const order = Array.from(examples.labels.keys());
  createRandom(seed).shuffle(order);
  return subset(examples, order.slice(0, count));
}

/** Fits on all utterances at once. The training starts from the prior and is pulled towards it. */
export function inBatch(prior: LinearHead, candidates: Candidates, kernels: HeadKernels): Learner {
  return (sample) => {
    const examples = { ...sample, identity: prior.identity, prior, kernels, random: createRandom(1) };
    const { recipe } = selectPriorStrength({ ...examples, ...candidates });
    return fitLinear({ ...examples, recipe });
  };
}

/** Learns one utterance after the other, and weighs its experts meanwhile. */
export function labelByLabel(prior: LinearHead, kernels: HeadKernels): Learner {
  return ({ features, labels }) => {
    const mixture = createPersonMixture(linearExperts(prior, { kernels }), { classes: prior.identity.classes.length });
    for (const [i, label] of labels.entries()) mixture.learn(String(i), row(features, i), label);
    return mixture;
  };
}

/** A prior with all weights zero, which carries no knowledge: "from scratch" starts from it. */
export function emptyPrior(examples: Examples, identity: HeadIdentity): LinearHead {
  // Descent that starts at zero and takes no step.
  const recipe = { optimizer: "sgd", learningRate: 0, epochs: 1, batchSize: 64, l2: 0 } as const;
  return fitLinear({ ...subset(examples, [0]), identity, recipe, random: createRandom(1) });
}

/** A prior from the rows of everyone else, for an extractor that ships no prior head. */
export function othersPrior(examples: Examples, identity: HeadIdentity, kernels: HeadKernels): LinearHead {
  const recipe = { ...toOptimum, l2: 1e-2 };
  return fitLinear({ ...examples, identity, recipe, random: createRandom(1), kernels });
}

function scoreOf(head: Pick<Head, "probabilities">, { features, labels }: Examples, classes: number): number {
  return weightedF1(labels, predictedLabels(head.probabilities(features)), classes);
}
