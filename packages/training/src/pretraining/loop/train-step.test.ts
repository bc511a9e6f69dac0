// The loss of a batch and its gradient against their formulas, written out in plain numbers.

import { beforeAll, describe, expect, test } from "vitest";
import { openBackend } from "../backend/backend.js";
import type { Tf } from "../backend/tensorflow.js";
import type { Tensor2D } from "../graphs/layers.js";
import { lossOf } from "./train-step.js";

let tf: Tf;
beforeAll(async () => {
  ({ tf } = await openBackend("tfjs-wasm"));
});

const logits = [
  [1, -2, 0.5],
  [0.3, 0.1, -1],
];
const teacher = [
  [2, 0, -3],
  [-1, 4, 1],
];
const targets = [
  [1, 0, 0],
  [0, 0.5, 0.5],
];
const examples = targets.map((target, i) => ({
  ids: Int32Array.of(2, 3),
  target: Float32Array.from(target),
  teacherLogits: Float32Array.from(teacher[i]!),
}));
const batch = { sentences: 2, targets: Float32Array.from(targets.flat()) };

function softmax(row: readonly number[], temperature = 1): number[] {
  const powers = row.map((value) => Math.exp(value / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The mean over the batch of each row's values. */
function meanOf(term: (row: number) => readonly number[]): number {
  return [0, 1].flatMap(term).reduce((sum, value) => sum + value, 0) / 2;
}

const crossEntropy = meanOf((b) => targets[b]!.map((share, c) => -share * Math.log(softmax(logits[b]!)[c]!)));
const divergence = (temperature: number) =>
  meanOf((b) =>
    softmax(teacher[b]!, temperature).map((p, c) => p * Math.log(p / softmax(logits[b]!, temperature)[c]!)),
  );

describe("the loss of a batch", () => {
  test("is the cross-entropy with the labels where there is no distillation, or no teacher", () => {
    const distillation = { weight: 0.3, temperature: 3 };
    const untaught = examples.map(({ teacherLogits: _, ...example }) => example);
    for (const input of [
      { batch, examples, recipe: {} },
      { batch, examples: untaught, recipe: { distillation } },
    ]) {
      expect(tf.tidy(() => lossOf(tf, tf.tensor2d(logits), input).dataSync()[0])).toBeCloseTo(crossEntropy, 5);
    }
  });

  test.each([
    [0.3, 3],
    [1, 0.5],
    [0, 2],
  ])("is (1 - w) cross-entropy + w T² KL(teacher ‖ student) with a teacher (w = %d, T = %d)", (weight, temperature) => {
    const input = { batch, examples, recipe: { distillation: { weight, temperature } } };
    const loss = tf.tidy(() => lossOf(tf, tf.tensor2d(logits), input).dataSync()[0]);
    expect(loss).toBeCloseTo((1 - weight) * crossEntropy + weight * temperature ** 2 * divergence(temperature), 5);
  });

  test("has a gradient of w T (student - teacher) beside the labels', as large at every temperature", () => {
    const [weight, temperature] = [0.3, 3];
    const input = { batch, examples, recipe: { distillation: { weight, temperature } } };
    const gradient = tf.tidy(() =>
      tf
        .grad((scores) => lossOf(tf, scores as Tensor2D, input))(tf.tensor2d(logits))
        .dataSync(),
    );
    for (const [b, row] of logits.entries()) {
      const [hard, soft, taught] = [softmax(row), softmax(row, temperature), softmax(teacher[b]!, temperature)];
      for (let c = 0; c < 3; c++) {
        const expected = (1 - weight) * (hard[c]! - targets[b]![c]!) + weight * temperature * (soft[c]! - taught[c]!);
        expect(gradient[b * 3 + c]).toBeCloseTo(expected / 2, 5);
      }
    }
  });
});
