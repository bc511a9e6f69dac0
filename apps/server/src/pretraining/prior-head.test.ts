import { createMatrix } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { describe, expect, it } from "vitest";
import { emoryLabels } from "../datasets/emorynlp.js";
import {
  fitPriorHead,
  hasCounterpart,
  hasOneEmotion,
  type PriorRows,
  priorChoices,
  speechWeights,
} from "./prior-head.js";

/** Rows of one emotion each, told by feature 0 times `sign`; `labels` alternate. */
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
const none: PriorRows = { features: createMatrix(0, 3), labels: new Int32Array(0) };
const totals = (labels: Int32Array, weights: Float64Array) => {
  const sums = new Float64Array(7);
  for (const [i, label] of labels.entries()) sums[label]! += weights[i]!;
  return sums.map((sum) => sum / weights.reduce((whole, weight) => whole + weight, 0));
};

describe("The prior head", () => {
  it("weighs half its rows as neutral and the other emotions by the root of their weight", () => {
    const labels = Int32Array.from([0, 1, 1, 1, 1, 2, 3]);
    const own = Float64Array.of(1, 1, 1, 1, 1, 1, 9);
    // Roots 2, 1 and 3 share the other half.
    expect([...totals(labels, speechWeights(labels, own))]).toEqual(
      [1 / 2, 1 / 6, 1 / 12, 1 / 4, 0, 0, 0].map((share) => expect.closeTo(share, 12)),
    );
  });

  it("keeps the rows' own weights within a class", () => {
    const weights = speechWeights(Int32Array.from([1, 1, 0]), Float64Array.of(30, 1, 1));
    expect(weights[0]! / weights[1]!).toBeCloseTo(30, 10);
  });

  it("believes a few rows of dialogue against many posts that say the contrary", () => {
    const posts = rowsOf(100, [1, 3], 1);
    const dialogue = rowsOf(20, [1, 3], -1);
    const probe = createMatrix(1, 3, Float32Array.of(1, 0, 0));
    const joyOverAnger = (head: ReturnType<typeof fitPriorHead>) => {
      const { data } = head.probabilities(probe);
      return data[1]! / data[3]!;
    };
    expect(joyOverAnger(fitPriorHead(posts, none, "any"))).toBeGreaterThan(2);
    expect(20 * priorChoices.dialogueWeight).toBeGreaterThan(100);
    expect(joyOverAnger(fitPriorHead(posts, dialogue, "any"))).toBeLessThan(1 / 2);
  });

  it("learns from rows with one emotion, and from dialogue whose label is one of the seven by another name", () => {
    const post = (labels: ("joy" | "anger")[]) => ({
      text: "t",
      label: labels[0]!,
      labels,
      labelIds: [],
      sourceLine: 1,
    });
    expect([post(["joy"]), post(["joy", "anger"])].map(hasOneEmotion)).toEqual([true, false]);
    const kept = emoryLabels.filter((emoryLabel) =>
      hasCounterpart({ text: "t", label: "joy", labels: ["joy"], emoryLabel, sourceLine: 1 }),
    );
    expect(kept.toSorted()).toEqual(["joyful", "mad", "neutral", "sad", "scared"]);
  });
});
