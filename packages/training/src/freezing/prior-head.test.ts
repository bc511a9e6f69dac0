import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { openReproducibleEngine } from "@attune/platform/engine";
import { describe, expect, test } from "vitest";
import { type EmoryLabel, emoryGroups } from "../datasets/emorynlp.js";
import { type EmotionLabel, emotionLabels } from "../datasets/emotions.js";
import {
  chancesOf,
  type DialogueRows,
  fitPriorHead,
  hasOneEmotion,
  type PriorRows,
  priorChoices,
  speechWeights,
} from "./prior-head.js";

const { heads: kernels } = openReproducibleEngine(1).engine;

/** Rows of one emotion each: feature 0 times `sign` separates the emotions; `labels` alternate. */
function rowsOf(count: number, [one, other]: readonly [number, number], sign: number): PriorRows {
  const random = createRandom(count);
  const features = createMatrix(count, 3);
  const labels = Int32Array.from({ length: count }, (_, i) => (i % 2 === 0 ? one : other));
  for (let i = 0; i < count; i++) {
    features.data[i * 3] = (i % 2 === 0 ? sign : -sign) + 0.1 * random.normal();
    features.data[i * 3 + 1] = random.normal();
  }
  return { features, labels };
}
const none: DialogueRows = { features: createMatrix(0, 3), rows: [] };
const rowCalled = (emoryLabel: EmoryLabel) => ({ emoryLabel, label: emoryGroups[emoryLabel] });
const totals = (labels: Int32Array, weights: Float64Array) => {
  const sums = new Float64Array(7);
  for (const [i, label] of labels.entries()) sums[label]! += weights[i]!;
  return sums.map((sum) => sum / weights.reduce((whole, weight) => whole + weight, 0));
};

describe("The prior head", () => {
  test("weighs half its rows as neutral and the other emotions by the root of their weight", () => {
    const labels = Int32Array.from([0, 1, 1, 1, 1, 2, 3]);
    const own = Float64Array.of(1, 1, 1, 1, 1, 1, 9);
    // Roots 2, 1 and 3 share the other half.
    expect([...totals(labels, speechWeights(labels, own))]).toEqual(
      [1 / 2, 1 / 6, 1 / 12, 1 / 4, 0, 0, 0].map((share) => expect.closeTo(share, 12)),
    );
  });

  test("keeps the rows' own weights within a class", () => {
    const weights = speechWeights(Int32Array.from([1, 1, 0]), Float64Array.of(30, 1, 1));
    expect(weights[0]! / weights[1]!).toBeCloseTo(30, 10);
  });

  test("believes a few rows of dialogue against many posts that say the contrary", () => {
    const posts = rowsOf(400, [1, 3], 1);
    const few = rowsOf(20, [1, 3], -1);
    const dialogue = {
      features: few.features,
      rows: [...few.labels].map((label) => rowCalled(label === 1 ? "joyful" : "mad")),
    };
    const probe = createMatrix(1, 3, Float32Array.of(1, 0, 0));
    const joyOverAnger = (rows: DialogueRows) => {
      const { data } = fitPriorHead({ posts, dialogue: rows, identity: "any", kernels }).probabilities(probe);
      return data[1]! / data[3]!;
    };
    expect(joyOverAnger(none)).toBeGreaterThan(2);
    expect(20 * priorChoices.dialogueWeight).toBeGreaterThan(400);
    expect(joyOverAnger(dialogue)).toBeLessThan(1 / 2);
  });

  test("takes a row of dialogue for any emotion that has its name, by what the features say", () => {
    // Posts: joy at one end of feature 0, surprise at the other.
    const posts = rowsOf(200, [1, 2], 1);
    const head = fitPriorHead({ posts, dialogue: none, identity: "any", kernels });
    const features = createMatrix(3, 3, Float32Array.of(1, 0, 0, -1, 0, 0, -1, 0, 0));
    const chances = chancesOf({ features, rows: [rowCalled("joyful"), rowCalled("joyful"), rowCalled("sad")] }, head);
    const chance = (row: number, emotion: EmotionLabel) => chances.data[row * 7 + emotionLabels.indexOf(emotion)]!;
    expect(chance(0, "joy")).toBeGreaterThan(0.8);
    expect(chance(1, "surprise")).toBeGreaterThan(0.8);
    // People do not call surprise sad, so the posts' sure answer is believed less.
    expect(chance(2, "sadness") / chance(2, "surprise")).toBeGreaterThan(
      10 * (chance(1, "sadness") / chance(1, "surprise")),
    );
    for (let row = 0; row < 3; row++) {
      expect(chances.data.subarray(row * 7, (row + 1) * 7).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 6);
    }
  });

  test("keeps what posts know of surprise, though dialogue of more weight calls it joyful", () => {
    const posts = rowsOf(1000, [1, 2], 1);
    const { features } = rowsOf(40, [1, 2], 1);
    const dialogue = { features, rows: Array.from({ length: 40 }, () => rowCalled("joyful")) };
    const counts: number[][] = [];
    const head = fitPriorHead({ posts, dialogue, identity: "any", kernels, report: (...count) => counts.push(count) });
    const { data } = head.probabilities(createMatrix(1, 3, Float32Array.of(-1, 0, 0)));
    // At this end of feature 0, dialogue with the weight of 2,000 posts says joy, and 500 posts say surprise.
    expect(data[2]! / data[1]!).toBeGreaterThan(1.5);
    expect(counts.at(-1)).toEqual([1 + priorChoices.rounds, 1 + priorChoices.rounds]);
  });

  test("takes posts with one emotion alone", () => {
    const post = (labels: ("joy" | "anger")[]) => ({
      text: "t",
      label: labels[0]!,
      labels,
      labelIds: [],
      sourceLine: 1,
    });
    expect([post(["joy"]), post(["joy", "anger"])].map(hasOneEmotion)).toEqual([true, false]);
  });
});
