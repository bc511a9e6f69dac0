import { describe, expect, test } from "vitest";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createMixture, learnLabel, mixProbabilities, readMixture, regretBound, regretOf } from "./mixture.js";

const answers = (...rows: number[][]): Matrix =>
  createMatrix(rows.length, rows[0]!.length, Float32Array.from(rows.flat()));
const pair = createMixture(["prior", "personal"]);

describe("a mixture", () => {
  test("starts with the mean of its experts", () => {
    const mixed = mixProbabilities(pair, answers([1, 0], [0.5, 0.5]));
    expect([...mixed.data]).toEqual([expect.closeTo(0.75, 5), expect.closeTo(0.25, 5)]);
    expect(regretOf(pair)).toBe(0);
    expect(regretBound(pair)).toBe(0);
  });

  test("gives after one label each expert half of what it earned, and half of an equal share", () => {
    const { weights, losses, loss } = learnLabel(pair, answers([0.9, 0.1], [0.3, 0.7]), 0);
    expect(weights).toEqual([expect.closeTo(0.5 * 0.75 + 0.25, 5), expect.closeTo(0.5 * 0.25 + 0.25, 5)]);
    expect(losses).toEqual([expect.closeTo(-Math.log(0.9), 5), expect.closeTo(-Math.log(0.3), 5)]);
    expect(loss).toBeCloseTo(-Math.log(0.6), 5);
  });

  test("of one expert is that expert, with regret 0", () => {
    let alone = createMixture(["prior"]);
    for (let t = 0; t < 1000; t++) alone = learnLabel(alone, answers([t % 2, 1 - (t % 2)]), 0);
    expect(alone.weights).toEqual([1]);
    expect(regretOf(alone)).toBe(0);
  });

  test("stays finite after a million labels to which every expert gave the probability 0", () => {
    let mixture = pair;
    const wrong = answers([1, 0, 0], [0, 1, 0]);
    for (let t = 0; t < 1_000_000; t++) mixture = learnLabel(mixture, wrong, 2);
    expect(mixture.weights).toEqual([expect.closeTo(0.5, 9), expect.closeTo(0.5, 9)]);
    expect(mixture.loss / mixture.labels).toBeCloseTo(Math.log(3e6), 6);
  });

  test("follows an expert that becomes right after ten thousand wrong labels, within twenty labels", () => {
    let mixture = pair;
    for (let t = 0; t < 10_000; t++) mixture = learnLabel(mixture, answers([0.9, 0.1], [0, 1]), 0);
    expect(mixture.weights[1]!).toBeLessThan(1e-4);
    for (let t = 0; t < 20; t++) mixture = learnLabel(mixture, answers([0.1, 0.9], [0.9, 0.1]), 0);
    expect(mixture.weights[1]!).toBeGreaterThan(0.99);
  });

  test("is the same after JSON kept it", () => {
    let mixture = pair;
    for (let t = 0; t < 100; t++) mixture = learnLabel(mixture, answers([0.8, 0.2], [t / 100, 1 - t / 100]), t % 2);
    expect(readMixture(JSON.parse(JSON.stringify(mixture)))).toEqual(mixture);
  });

  test("does not change when a label is learned from it", () => {
    const before = structuredClone(pair);
    learnLabel(pair, answers([1, 0], [0, 1]), 1);
    expect(pair).toEqual(before);
  });

  test.each([
    ["no experts", [], "A mixture needs at least one expert"],
    ["two experts of one name", ["a", "a"], "The experts (a, a) are not distinct"],
  ])("refuses %s", (_, experts, message) => {
    expect(() => createMixture(experts)).toThrow(message);
  });

  test.each([
    ["a missing expert", answers([1, 0]), 0, "2 experts need as many rows of probabilities, not 1 x 2"],
    ["no class", createMatrix(2, 0), 0, "not 2 x 0"],
    ["NaN", answers([1, 0], [Number.NaN, 1]), 0, "Expert personal gives class 0 the probability NaN"],
    ["infinity", answers([1, 0], [0, Number.POSITIVE_INFINITY]), 0, "gives class 1 the probability Infinity"],
    ["a negative probability", answers([1.5, -0.5], [1, 0]), 0, "Expert prior gives class 1 the probability -0.5"],
    ["scores", answers([1, 0], [3, 4]), 0, "The probabilities of expert personal sum to 7, not to 1"],
    ["a label outside of the classes", answers([1, 0], [0, 1]), 2, "Label 2 must lie in 0..1"],
    ["a label that is no number", answers([1, 0], [0, 1]), Number.NaN, "Label NaN must lie in 0..1"],
  ])("refuses %s", (_, given, label, message) => {
    expect(() => learnLabel(pair, given, label)).toThrow(message);
  });

  test.each([
    ["nothing", undefined, "experts"],
    ["no experts", { ...pair, experts: [] }, "experts"],
    ["a missing weight", { ...pair, weights: [1] }, "weights"],
    ["a weight of 0", { ...pair, weights: [1, 0] }, "weights"],
    ["weights that do not sum to 1", { ...pair, weights: [0.5, 0.1] }, "weights"],
    ["a loss that is null", { ...pair, losses: [0, null] }, "losses"],
    ["no loss", { ...pair, loss: undefined }, "loss"],
    ["half a label", { ...pair, labels: 0.5 }, "labels"],
  ])("is not read from %s", (_, value, field) => {
    expect(() => readMixture(value)).toThrow(`Field "${field}" of the mixture is not`);
  });
});
