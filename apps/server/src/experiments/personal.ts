// One person's own head: from scratch and on top of a prior head, from n of their utterances. What the edge agent does, measured.

import type { HeadIdentity } from "@attune/ml/heads/head";
import { fitLinear, type LinearHead } from "@attune/ml/heads/linear";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import { type Examples, subset } from "./workbench.js";

/** Utterances of a person; Infinity stands for all. */
export const sampleCounts: readonly number[] = [0, 25, 50, 100, 200, 500, Number.POSITIVE_INFINITY];

export interface PersonProblem {
  readonly train: Examples;
  readonly measure: Examples;
  /** Where training starts and what it is pulled towards. */
  readonly prior: LinearHead;
}

/**
 * Weighted F1 by `sampleCounts`, then by seed, which draws the utterances; with none and with all there is nothing to draw and one run.
 * How far to trust the prior is chosen each time on the n utterances alone.
 */
export function personCurve(
  { train, measure, prior }: PersonProblem,
  { seeds, report }: { seeds: readonly number[]; report: (fraction: number) => void },
): number[][] {
  return sampleCounts.map((count, index) => {
    report(index / sampleCounts.length);
    if (count === 0) return [scoreOf(prior, measure)];
    const draws = count < train.labels.length ? seeds : seeds.slice(0, 1);
    return draws.map((seed) => scoreOf(personalHead(draw(train, count, seed), prior, seed), measure));
  });
}

/** `count` rows by lot; one draw of 50 holds that of 25. */
function draw(examples: Examples, count: number, seed: number): Examples {
  const order = Array.from(examples.labels.keys());
  createRandom(seed).shuffle(order);
  return subset(examples, order.slice(0, count));
}

function personalHead(sample: Examples, prior: LinearHead, seed: number): LinearHead {
  const { identity } = prior;
  const { l2 } = selectPriorStrength({ ...sample, identity, prior, random: createRandom(seed) });
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2 } as const;
  return fitLinear({ ...sample, identity, recipe, prior, random: createRandom(seed) });
}

/** A prior that says nothing, all weights zero: what "from scratch" starts from, its regularisation chosen as a prior's strength is. */
export function emptyPrior(examples: Examples, identity: HeadIdentity): LinearHead {
  // Descent that starts at zero and takes no step.
  const recipe = { optimizer: "sgd", learningRate: 0, epochs: 1, batchSize: 64, l2: 0 } as const;
  return fitLinear({ ...subset(examples, [0]), identity, recipe, random: createRandom(1) });
}

/** On the rows of everyone else, for an extractor that ships no prior head. */
export function othersPrior(examples: Examples, identity: HeadIdentity): LinearHead {
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 1e-2 } as const;
  return fitLinear({ ...examples, identity, recipe, random: createRandom(1) });
}

function scoreOf(head: LinearHead, { features, labels }: Examples): number {
  return weightedF1(labels, predictedLabels(head.probabilities(features)), head.identity.classes.length);
}
