// The prior head that a release ships: a softmax regression that has heard as many people as there are, and speaks as people speak to each other.

import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { createMatrix, type Matrix, selectRows, stackRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { type EmotionLabel, emotionLabels } from "@attune/shared/contracts/dataset";
import { type EmoryLabel, type EmoryNlpRow, emoryLabels } from "../datasets/emorynlp.js";
import type { GoEmotionsRow } from "../datasets/goemotions.js";

/**
 * Chosen on MELD's train rows of six speakers, in episodes that EmoryNLP does not hold; nothing was fitted on them. What people say to each other
 * tells more of a person than what they post, so a row of dialogue weighs as several posts; and with labels that are not the
 * person's, weights held small carry over better than those that fit best. `otherLabels` is how likely any label that is not named below is beside
 * one that is.
 */
export const priorChoices = { dialogueWeight: 100, neutralShare: 0.5, l2: 0.1, rounds: 6, otherLabels: 0.2 } as const;

/** Below this a row of dialogue says nothing of an emotion. */
const leastChance = 0.01;

/** Of several emotions none is the row's own, so those rows teach the prior nothing it could be measured on. */
export function hasOneEmotion({ labels }: GoEmotionsRow): boolean {
  return labels?.length === 1;
}

/** What EmoryNLP calls an utterance of each of the seven emotions: it has no surprise and no disgust, and two labels of its own. */
const namesOf: Readonly<Record<EmotionLabel, readonly EmoryLabel[]>> = {
  neutral: ["neutral", "peaceful", "powerful"],
  joy: ["joyful", "peaceful", "powerful"],
  surprise: ["neutral", "joyful", "mad", "scared"],
  anger: ["mad", "powerful"],
  sadness: ["sad"],
  disgust: ["mad"],
  fear: ["scared"],
};

/** Labels that are one of the seven by another name: where learning starts. */
const sameMeaning: readonly EmoryLabel[] = ["neutral", "joyful", "scared", "mad", "sad"];

export interface PriorRows {
  /** (N, D) */
  readonly features: Matrix;
  /** (N) */
  readonly labels: Int32Array;
}

export interface DialogueRows {
  /** (N, D) */
  readonly features: Matrix;
  /** (N) */
  readonly rows: readonly Pick<EmoryNlpRow, "label" | "emoryLabel">[];
}

interface WeighedRows extends PriorRows {
  /** (N): what each weighs beside one post. */
  readonly weights: Float64Array;
}

export interface PriorFit {
  /** The labelled dataset's. */
  readonly posts: PriorRows;
  /** No rows where there is none. */
  readonly dialogue: DialogueRows;
  readonly identity: string;
  readonly kernels: HeadKernels;
  readonly report?: (done: number, total: number) => void;
}

/**
 * Posts are taken by their word. A row of dialogue may mean any emotion that has such a name, each with the chance that the head of the round before
 * gives it: expectation-maximisation over what labels may mean (Jin and Ghahramani 2002, "Learning with multiple labels").
 */
export function fitPriorHead({ posts, dialogue, identity, kernels, report }: PriorFit): LinearHead {
  const { dialogueWeight, rounds, l2 } = priorChoices;
  const total = dialogue.rows.length === 0 ? 1 : 1 + rounds;
  const fit = (meant: WeighedRows) => {
    const labels = Int32Array.from([...posts.labels, ...meant.labels]);
    const own = new Float64Array(labels.length).fill(1);
    own.set(
      meant.weights.map((weight) => weight * dialogueWeight),
      posts.labels.length,
    );
    return fitLinear({
      features: stackRows([posts.features, meant.features]),
      labels,
      identity: { features: identity, classes: [...emotionLabels] },
      importance: speechWeights(labels, own),
      recipe: { ...toOptimum, l2 },
      random: createRandom(1),
      kernels,
    });
  };
  let head = fit(meantBy(dialogue, clearChances(dialogue)));
  report?.(1, total);
  for (let round = 1; round < total; round++) {
    head = fit(meantBy(dialogue, chancesOf(dialogue, head)));
    report?.(round + 1, total);
  }
  return head;
}

/** (N, 7): certainty for a label that is one of the seven by another name, nothing for the others. */
function clearChances({ rows }: DialogueRows): Matrix {
  const chances = createMatrix(rows.length, emotionLabels.length);
  for (const [i, { label, emoryLabel }] of rows.entries()) {
    if (sameMeaning.includes(emoryLabel)) chances.data[i * chances.cols + emotionLabels.indexOf(label)] = 1;
  }
  return chances;
}

/** (N, 7): how likely each emotion is, given the label that was put down and what the head makes of the features. Rows sum to 1. */
export function chancesOf({ features, rows }: DialogueRows, head: LinearHead): Matrix {
  const chances = head.probabilities(features);
  for (const [i, { emoryLabel }] of rows.entries()) {
    const row = chances.data.subarray(i * chances.cols, (i + 1) * chances.cols);
    for (const [k, emotion] of emotionLabels.entries()) row[k]! *= chanceOfName(emoryLabel, emotion);
    const sum = row.reduce((whole, chance) => whole + chance, 0);
    for (let k = 0; k < row.length; k++) row[k]! /= sum;
  }
  return chances;
}

/** Of an utterance of that emotion, how likely it is called so. */
function chanceOfName(name: EmoryLabel, emotion: EmotionLabel): number {
  const names = namesOf[emotion];
  const { otherLabels } = priorChoices;
  return ((names.includes(name) ? 1 : 0) + otherLabels) / (names.length + emoryLabels.length * otherLabels);
}

/** Each row once for each emotion that it may well mean. */
function meantBy({ features, rows }: DialogueRows, chances: Matrix): WeighedRows {
  const meant = rows.flatMap((_, row) =>
    emotionLabels.flatMap((_, label) => {
      const weight = chances.data[row * chances.cols + label]!;
      return weight < leastChance ? [] : [{ row, label, weight }];
    }),
  );
  return {
    features: selectRows(
      features,
      meant.map(({ row }) => row),
    ),
    labels: Int32Array.from(meant, ({ label }) => label),
    weights: Float64Array.from(meant, ({ weight }) => weight),
  };
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
