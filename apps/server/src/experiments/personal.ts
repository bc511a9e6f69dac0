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
  readonly prior: LinearHead;
}

export interface PersonCurve {
  /** By `sampleCounts`, then by seed; at 0 the prior alone, and nothing from scratch. */
  readonly scratch: readonly (readonly number[])[];
  readonly withPrior: readonly (readonly number[])[];
}

/** How far to trust the prior is chosen each time on the n utterances alone; from scratch, so is the regularisation. */
export function personCurve(
  { train, measure, prior }: PersonProblem,
  { seeds, report }: { seeds: readonly number[]; report: (fraction: number) => void },
): PersonCurve {
  const nothing = emptyHead(prior);
  const scratch: number[][] = [];
  const withPrior: number[][] = [];
  for (const [index, count] of sampleCounts.entries()) {
    report(index / sampleCounts.length);
    if (count === 0) {
      scratch.push([]);
      withPrior.push([scoreOf(prior, measure)]);
      continue;
    }
    // All rows are the same rows whatever the seed; it deals the folds only.
    const samples = seeds.map((seed) => ({ seed, sample: draw(train, count, seed) }));
    scratch.push(samples.map(({ seed, sample }) => scoreOf(personalHead(sample, nothing, seed), measure)));
    withPrior.push(samples.map(({ seed, sample }) => scoreOf(personalHead(sample, prior, seed), measure)));
  }
  return { scratch, withPrior };
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

/** A prior that says nothing: all weights zero. */
function emptyHead(prior: LinearHead): LinearHead {
  return { ...prior, weight: new Float64Array(prior.weight.length), bias: new Float64Array(prior.bias.length) };
}

/** On the rows of everyone else, for an extractor that ships no prior head. */
export function othersPrior(examples: Examples, identity: HeadIdentity): LinearHead {
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 1e-2 } as const;
  return fitLinear({ ...examples, identity, recipe, random: createRandom(1) });
}

function scoreOf(head: LinearHead, { features, labels }: Examples): number {
  return weightedF1(labels, predictedLabels(head.probabilities(features)), head.identity.classes.length);
}
