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
export const sampleCounts: readonly number[] = [0, 10, 25, 50, 100, 200, 500, Number.POSITIVE_INFINITY];
/** Orders of a person's utterances. The weighted F1 of a few utterances varies with a deviation of 0.02 to 0.03. */
export const drawnOrders = 20;

interface PersonProblem {
  readonly train: Examples;
  readonly measure: Examples;
  readonly prior: LinearHead;
  readonly learn: Learner;
  /** Whether the head of all utterances depends on their order. */
  readonly isOrdered: boolean;
}

/** Makes a head of the first utterances for each count, in ascending order. It is measured before the next is made. */
type Learner = (utterances: Examples, counts: readonly number[]) => Iterable<Pick<Head, "probabilities">>;

/** The candidates for the trust in the prior. */
type Candidates = Pick<PriorStrengthOptions, "scales" | "strengths">;

/** Ignores the prior head: all weights are learned, and the pull towards zero is chosen as a prior's strength is. */
export const fromScratch: Candidates = { scales: [0] };
/** Keeps the prior head's weights: only how often a person shows which emotion is learned. */
export const biasesOnly: Candidates = { scales: [1], strengths: [1e6] };

/**
 * Weighted F1 by `sampleCounts`, then by order of the utterances. The head of no utterances is measured once, and so is
 * a head that is fitted on all utterances at once.
 */
export function personCurve(problem: PersonProblem, report: (fraction: number) => void): number[][] {
  const { train, measure, prior, learn, isOrdered } = problem;
  const classes = prior.identity.classes.length;
  const rows = train.labels.length;
  const curve: number[][] = sampleCounts.map((count) => (count === 0 ? [scoreOf(prior, measure, classes)] : []));
  for (let drawn = 0; drawn < drawnOrders; drawn++) {
    const counts = sampleCounts.filter((count) => count > 0 && (count < rows || isOrdered || drawn === 0));
    let made = 0;
    for (const head of learn(inOrder(train, drawn + 1), counts)) {
      curve[sampleCounts.indexOf(counts[made]!)]!.push(scoreOf(head, measure, classes));
      made++;
      report((drawn + made / counts.length) / drawnOrders);
    }
  }
  return curve;
}

/** All rows in an order drawn by lot. Every start learns in the same orders. */
function inOrder(examples: Examples, seed: number): Examples {
  const order = Array.from(examples.labels.keys());
  createRandom(seed).shuffle(order);
  return subset(examples, order);
}

/** Fits on all utterances at once. The training starts from the prior and is pulled towards it. */
export function inBatch(prior: LinearHead, candidates: Candidates, kernels: HeadKernels): Learner {
  return function* learn(utterances, counts) {
    for (const count of counts) {
      const sample = subset(utterances, Array.from(utterances.labels.keys()).slice(0, count));
      const examples = { ...sample, identity: prior.identity, prior, kernels, random: createRandom(1) };
      const { recipe } = selectPriorStrength({ ...examples, ...candidates });
      yield fitLinear({ ...examples, recipe });
    }
  };
}

/** Learns one utterance after the other, and weighs its experts meanwhile. */
export function labelByLabel(prior: LinearHead, kernels: HeadKernels): Learner {
  return function* learn({ features, labels }, counts) {
    const mixture = createPersonMixture(linearExperts(prior, { kernels }), { classes: prior.identity.classes.length });
    for (const count of counts) {
      for (let i = mixture.rows; i < Math.min(count, labels.length); i++) {
        mixture.learn(String(i), row(features, i), labels[i]!);
      }
      yield mixture;
    }
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
