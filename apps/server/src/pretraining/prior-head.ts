// The prior head that a release ships: a softmax regression that has heard as many people as there are, and speaks as people speak to each other.

import { fitLinear, type LinearHead } from "@attune/ml/heads/linear";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import type { EmoryLabel, EmoryNlpRow } from "../datasets/emorynlp.js";
import type { GoEmotionsRow } from "../datasets/goemotions.js";
import { openEngine } from "../platform/engine.js";

/**
 * Chosen on MELD's train rows of six speakers, in episodes that EmoryNLP does not hold; nothing was fitted on them. What people say to each other
 * tells more of a person than what they post, so a row of dialogue weighs as several posts; and with labels that are not the
 * person's, weights held small carry over better than those that fit best.
 */
export const priorChoices = { dialogueWeight: 30, neutralShare: 0.5, l2: 0.1 } as const;

/** Of several emotions none is the row's own, so those rows teach the prior nothing it could be measured on. */
export function hasOneEmotion({ labels }: GoEmotionsRow): boolean {
  return labels?.length === 1;
}

/** Labels that mean what one of the seven means: peaceful and powerful do not. */
const sameMeaning: readonly EmoryLabel[] = ["neutral", "joyful", "scared", "mad", "sad"];

export function hasCounterpart({ emoryLabel }: EmoryNlpRow): boolean {
  return sameMeaning.includes(emoryLabel);
}

export interface PriorRows {
  /** (N, D) */
  readonly features: Matrix;
  /** (N) */
  readonly labels: Int32Array;
}

/** `posts` are those of the labelled dataset, `dialogue` (no rows where there is none) those of the second one. */
export function fitPriorHead(posts: PriorRows, dialogue: PriorRows, identity: string): LinearHead {
  const labels = Int32Array.from([...posts.labels, ...dialogue.labels]);
  const own = new Float64Array(labels.length).fill(1).fill(priorChoices.dialogueWeight, posts.labels.length);
  return fitLinear({
    features: stacked(posts.features, dialogue.features),
    labels,
    identity: { features: identity, classes: [...emotionLabels] },
    importance: speechWeights(labels, own),
    recipe: { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: priorChoices.l2 },
    random: createRandom(1),
    kernels: openEngine().engine.heads,
  });
}

/**
 * The rows' weights times one factor a class, so that the classes weigh as often as they are heard: half of what people say is neutral, and the other
 * emotions share the rest by the root of their weight, which evens out what a dataset's way of collecting did to rare ones.
 */
export function speechWeights(labels: Int32Array, own: Float64Array): Float64Array {
  const totals = new Float64Array(emotionLabels.length);
  for (const [i, label] of labels.entries()) totals[label]! += own[i]!;
  const roots = totals.map((total, label) => (label === 0 ? 0 : Math.sqrt(total)));
  const sum = roots.reduce((whole, root) => whole + root, 0);
  const share = (label: number) =>
    label === 0 ? priorChoices.neutralShare : ((1 - priorChoices.neutralShare) * roots[label]!) / sum;
  return own.map((weight, i) => (weight * share(labels[i]!)) / totals[labels[i]!]!);
}

function stacked(upper: Matrix, lower: Matrix): Matrix {
  const both = createMatrix(upper.rows + lower.rows, upper.cols);
  both.data.set(upper.data);
  both.data.set(lower.data, upper.data.length);
  return both;
}
