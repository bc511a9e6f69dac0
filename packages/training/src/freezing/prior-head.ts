// Fits the prior head that a release ships: a softmax regression for any person, weighted to match how often people
// express each emotion in speech.

import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { createMatrix, type Matrix, selectRows, stackRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { type EmoryLabel, type EmoryNlpRow, emoryLabels } from "../datasets/emorynlp.js";
import { type EmotionLabel, emotionLabels } from "../datasets/emotions.js";
import type { GoEmotionsRow } from "../datasets/goemotions.js";

/**
 * Chosen on MELD's train rows of six speakers, in episodes that EmoryNLP does not hold; nothing was fitted on them.
 * Conversation says more about a person than posts do, so a row of dialogue weighs as several posts. For labels that
 * are not the person's own, small weights carry over better than those that fit best. `otherLabels` is the chance of
 * any label not named below, relative to a label that is named.
 */
export const priorChoices = { dialogueWeight: 100, neutralShare: 0.5, l2: 0.1, rounds: 6, otherLabels: 0.2 } as const;

/** Below this chance, a row of dialogue does not count for an emotion. */
const minChance = 0.01;

/** A row with several emotions has no emotion of its own, so the prior could not be measured on it. */
export function hasOneEmotion({ labels }: GoEmotionsRow): boolean {
  return labels?.length === 1;
}

/**
 * EmoryNLP's names for an utterance of each of the seven emotions. It has no surprise and no disgust, and two
 * labels of its own.
 */
const namesOf: Readonly<Record<EmotionLabel, readonly EmoryLabel[]>> = {
  neutral: ["neutral", "peaceful", "powerful"],
  joy: ["joyful", "peaceful", "powerful"],
  surprise: ["neutral", "joyful", "mad", "scared"],
  anger: ["mad", "powerful"],
  sadness: ["sad"],
  disgust: ["mad"],
  fear: ["scared"],
};

/** Labels that mean one of the seven under another name; learning starts from them. */
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
  /** (N): the weight of each row beside one post. */
  readonly weights: Float64Array;
}

interface PriorFit {
  /** The rows of the labelled dataset. */
  readonly posts: PriorRows;
  /** Has no rows if no dialogue was given. */
  readonly dialogue: DialogueRows;
  readonly identity: string;
  /** The labels of the posts, in order. Default: the seven emotions. */
  readonly classes?: readonly string[];
  readonly kernels: HeadKernels;
  readonly report?: (done: number, total: number) => void;
}

/**
 * Posts keep their labels. A row of dialogue may mean any emotion that has such a name, with the chance that the
 * previous round's head gives it. This is expectation-maximisation over the meanings of labels (Jin and Ghahramani
 * 2002, "Learning with multiple labels").
 */
export function fitPriorHead({
  posts,
  dialogue,
  identity,
  classes = emotionLabels,
  kernels,
  report,
}: PriorFit): LinearHead {
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
      identity: { features: identity, classes: [...classes] },
      importance: speechWeights(labels, own, classes),
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

/** (N, 7): 1 for a label that means one of the seven under another name, 0 for the others. */
function clearChances({ rows }: DialogueRows): Matrix {
  const chances = createMatrix(rows.length, emotionLabels.length);
  for (const [i, { label, emoryLabel }] of rows.entries()) {
    if (sameMeaning.includes(emoryLabel)) chances.data[i * chances.cols + emotionLabels.indexOf(label)] = 1;
  }
  return chances;
}

/**
 * (N, 7): the chance of each emotion, given the row's label and the head's probabilities for its features.
 * Rows sum to 1.
 */
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

/** The chance that an utterance of `emotion` is called `name`. */
function chanceOfName(name: EmoryLabel, emotion: EmotionLabel): number {
  const names = namesOf[emotion];
  const { otherLabels } = priorChoices;
  return ((names.includes(name) ? 1 : 0) + otherLabels) / (names.length + emoryLabels.length * otherLabels);
}

/** Repeats each row for every emotion that it may well mean. */
function meantBy({ features, rows }: DialogueRows, chances: Matrix): WeighedRows {
  const meant = rows.flatMap((_, row) =>
    emotionLabels.flatMap((_, label) => {
      const weight = chances.data[row * chances.cols + label]!;
      return weight < minChance ? [] : [{ row, label, weight }];
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
 * The rows' weights times one factor a class, so that each class weighs as often as people express it. Half of their
 * utterances are neutral. The other classes share the rest by the root of their weight, which makes up for how a
 * dataset's collection treated rare ones. The classes share the whole if none of them is called neutral.
 */
export function speechWeights(
  labels: Int32Array,
  own: Float64Array,
  classes: readonly string[] = emotionLabels,
): Float64Array {
  const neutral = classes.indexOf("neutral");
  const neutralShare = neutral < 0 ? 0 : priorChoices.neutralShare;
  const totals = new Float64Array(classes.length);
  for (const [i, label] of labels.entries()) totals[label]! += own[i]!;
  const roots = totals.map((total, label) => (label === neutral ? 0 : Math.sqrt(total)));
  const sum = roots.reduce((whole, root) => whole + root, 0);
  const share = (label: number) => (label === neutral ? neutralShare : ((1 - neutralShare) * roots[label]!) / sum);
  return own.map((weight, i) => (weight * share(labels[i]!)) / totals[labels[i]!]!);
}
