import { describe, expect, test } from "vitest";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import type { LinearWeights } from "../heads/head-kernels.js";
import { fitLinear, type LinearHead, type LinearRecipe, toOptimum } from "../heads/linear.js";
import { reachOf, stretchRows } from "../heads/reach.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import { addCrossEntropy, addPenalty, createDesign } from "../heads/softmax.js";
import { createMatrix, type Matrix, row } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { createOnlineLinear, type OnlineLinear, type OnlineRecipe, sweepOnce } from "./online-linear.js";

const size = 9;
const classes = 7;
const identity = { features: "f00d", classes: ["a", "b", "c", "d", "e", "f", "g"] };
const usual: OnlineRecipe = {
  scale: 0.75,
  strength: 0.57,
  biasStrength: 1,
  reach: "prior",
  classWeights: "tempered",
  visits: 8,
};

interface Rows {
  readonly features: Matrix;
  readonly labels: Int32Array;
}

/** The label depends on the features, and the last classes are rare. */
function rowsOf(count: number, seed = 1): Rows {
  const random = createRandom(seed);
  const features = createMatrix(count, size);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < size; d++) features.data[i * size + d] = random.normal();
    const lean = features.data[i * size]! + features.data[i * size + 1]!;
    labels[i] = Math.min(classes - 1, Math.max(0, Math.round(1.5 + lean + random.normal())));
  }
  return { features, labels };
}

function priorHead(seed = 5): LinearHead {
  const recipe = { ...toOptimum, l2: 0.05 };
  return fitLinear({ ...rowsOf(80, seed), identity, recipe, random: createRandom(1) });
}

const prior = priorHead();

function learnAll(head: OnlineLinear, { features, labels }: Rows, from = 0): void {
  for (const [i, label] of labels.entries()) if (i >= from) head.learn(`${i}`, row(features, i), label);
}

function settle(head: OnlineLinear): LinearWeights {
  for (let turn = 0; turn < 2000; turn++) if (sweepOnce(head) < 1e-12) return head.weights();
  throw new Error("The sweeps found no optimum");
}

/** The same objective as a recipe of fitLinear. */
function batchRecipe({ features }: Rows, recipe: OnlineRecipe): LinearRecipe {
  const squares = stretchRows(features, reachIn(recipe)).data.reduce((sum, value) => sum + value * value, 0);
  return {
    ...toOptimum,
    l2: (recipe.strength! * (1 + (recipe.caution ?? 0) / features.rows) * squares) / features.rows ** 2,
    biasL2: recipe.biasStrength / features.rows,
    priorScale: recipe.scale,
    reach: recipe.reach,
    classWeights: recipe.classWeights,
  };
}

const reachIn = ({ reach }: OnlineRecipe) =>
  reach === "prior" ? reachOf(prior.weight, size) : new Float64Array(size).fill(1);

/** The largest element of the objective's gradient at `weights`, which fitLinear brings below 1e-7. */
function gradientAt(weights: LinearWeights, rows: Rows, recipe: OnlineRecipe): number {
  const reach = reachIn(recipe);
  const { l2, biasL2 } = batchRecipe(rows, recipe);
  const joined = (of: LinearWeights, scale: number) => {
    const whole = new Float64Array(classes * (size + 1));
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < size; d++) whole[c * (size + 1) + d] = (scale * of.weight[c * size + d]!) / reach[d]!;
      whole[c * (size + 1) + size] = scale * of.bias[c]!;
    }
    return whole;
  };
  const design = createDesign(stretchRows(rows.features, reach), rows.labels, {
    classes,
    classWeights: recipe.classWeights,
  });
  const gradient = new Float64Array(classes * (size + 1));
  const at = joined(weights, 1);
  addCrossEntropy(design, at, gradient);
  for (let k = 0; k < gradient.length; k++) gradient[k]! /= design.rows;
  addPenalty({ centre: joined(prior, recipe.scale), l2, biasL2: biasL2! }, { weights: at, width: size + 1 }, gradient);
  return gradient.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

function distance(x: LinearWeights, y: LinearWeights): number {
  return Math.max(largestDifference(x.weight, y.weight), largestDifference(x.bias, y.bias));
}

function learned(rows: Rows, recipe = usual): OnlineLinear {
  const head = createOnlineLinear(prior, recipe);
  learnAll(head, rows);
  return head;
}

describe("an online linear head", () => {
  test.each<[string, number, Partial<OnlineRecipe>]>([
    ["one row", 1, {}],
    ["two rows", 2, {}],
    ["130 rows", 130, {}],
    ["a zero prior", 60, { scale: 0, reach: "even" }],
    ["the whole prior, and equal weights for all rows", 60, { scale: 1, classWeights: "none" }],
    ["a weak pull", 60, { strength: 0.02, biasStrength: 0.1 }],
    ["caution with few rows", 10, { caution: 50 }],
    ["a strong pull", 60, { strength: 100, biasStrength: 30 }],
  ])("settles at the batch optimum: %s", (_, count, changed) => {
    const recipe = { ...usual, ...changed };
    const rows = rowsOf(count);
    const found = settle(learned(rows, recipe));
    expect(gradientAt(found, rows, recipe)).toBeLessThan(1e-8);
    const fitted = fitLinear({
      ...rows,
      identity,
      prior,
      random: createRandom(1),
      recipe: batchRecipe(rows, recipe),
    });
    // fitLinear stops at a gradient of 1e-7, which a weak pull turns into a larger distance.
    expect(distance(found, fitted)).toBeLessThan(1e-4);
  });

  test("stays near the batch optimum with every label: probabilities differ by less than 0.01 on average", () => {
    const rows = rowsOf(400);
    const head = learned(rows, { ...usual, visits: 32 });
    const live = probabilitiesOf(head.weights(), rows.features);
    const settled = probabilitiesOf(settle(head), rows.features);
    const differences = live.data.reduce((sum, value, k) => sum + Math.abs(value - settled.data[k]!), 0);
    expect(differences / live.data.length).toBeLessThan(0.01);
    expect(differences).toBeGreaterThan(0);
  });

  test("learns only biases without a strength, and finds their optimum", () => {
    const { strength: _, ...recipe } = usual;
    const rows = rowsOf(90);
    const { weight, bias } = settle(learned(rows, { ...recipe, scale: 1, classWeights: "none" }));
    expect(weight).toEqual(prior.weight);
    // At the optimum the pull on the biases equals the rows' residuals.
    const residuals = new Float64Array(classes);
    const own = probabilitiesOf({ weight, bias }, rows.features);
    for (const [i, label] of rows.labels.entries()) {
      residuals[label]! += 1;
      for (let c = 0; c < classes; c++) residuals[c]! -= own.data[i * classes + c]!;
    }
    const pulls = bias.map((value, c) => value - prior.bias[c]!);
    expect(largestDifference(pulls, residuals)).toBeLessThan(1e-5);
  });

  test("gives the scores of its weights", () => {
    const rows = rowsOf(40);
    const head = learned(rows);
    const { weight, bias } = head.weights();
    const x = row(rows.features, 3);
    const expected = bias.map((value, c) => x.reduce((sum, v, d) => sum + v * weight[c * size + d]!, value));
    expect(largestDifference(head.scores(x), expected)).toBeLessThan(1e-12);
  });

  test("settles at the same optimum in whatever order the rows came", () => {
    const rows = rowsOf(70);
    const reversed = createOnlineLinear(prior, usual);
    for (let i = 69; i >= 0; i--) reversed.learn(`${i}`, row(rows.features, i), rows.labels[i]!);
    expect(distance(settle(reversed), settle(learned(rows)))).toBeLessThan(1e-9);
  });

  test("after forgetting rows settles where it settles without having learned them", () => {
    const rows = rowsOf(80);
    const head = learned(rows);
    for (let i = 0; i < 30; i++) head.forget(`${i}`);
    const fresh = createOnlineLinear(prior, usual);
    learnAll(fresh, rows, 30);
    expect(head.rows).toBe(50);
    expect(distance(settle(head), settle(fresh))).toBeLessThan(1e-9);
  });

  test("is the prior again, to the last bit, after it forgot every row", () => {
    const head = learned(rowsOf(25), { ...usual, scale: 1 });
    for (let i = 0; i < 25; i++) head.forget(`${i}`);
    expect(head.weights()).toEqual({ weight: prior.weight, bias: prior.bias });
  });

  test("after a label changed settles where it settles with that label from the start", () => {
    const rows = rowsOf(60);
    const head = learned(rows);
    const labels = rows.labels.slice();
    for (let i = 0; i < 60; i += 7) {
      labels[i] = (labels[i]! + 1) % classes;
      head.relabel(`${i}`, labels[i]!);
    }
    expect(distance(settle(head), settle(learned({ ...rows, labels })))).toBeLessThan(1e-9);
  });

  test("keeps no trace of a forgotten row of huge features", () => {
    const rows = rowsOf(50);
    const head = createOnlineLinear(prior, usual);
    head.learn("huge", new Float32Array(size).fill(1e30), 0);
    learnAll(head, rows);
    head.forget("huge");
    expect(distance(settle(head), settle(learned(rows)))).toBeLessThan(1e-9);
  });

  test("sweeps in steps, which begin anew after a change of the rows", () => {
    const rows = rowsOf(300);
    const [inSteps, whole] = [learned(rows), learned(rows)];
    const steps = () => [inSteps.sweepStep(), inSteps.sweepStep(), inSteps.sweepStep()];
    expect(steps()).toEqual([undefined, undefined, sweepOnce(whole)]);
    expect(inSteps.weights()).toEqual(whole.weights());
    expect(inSteps.sweepStep()).toBeUndefined();
    inSteps.forget("7");
    expect(steps()).toEqual([undefined, undefined, expect.any(Number)]);
    const fresh = createOnlineLinear(prior, usual);
    for (const [i, label] of rows.labels.entries()) if (i !== 7) fresh.learn(`${i}`, row(rows.features, i), label);
    expect(distance(settle(inSteps), settle(fresh))).toBeLessThan(1e-9);
  });

  test("with one class only believes in that class, and stays finite", () => {
    const { features } = rowsOf(500);
    const head = learned({ features, labels: new Int32Array(500).fill(3) });
    const scores = head.scores(row(features, 0));
    expect(scores.every(Number.isFinite)).toBe(true);
    expect(scores.indexOf(Math.max(...scores))).toBe(3);
  });

  test("learns at once a class that appears first at row 900", () => {
    const rows = rowsOf(900);
    const labels = rows.labels.map((label) => (label === 6 ? 5 : label));
    const head = learned({ features: rows.features, labels });
    const x = new Float32Array(size).fill(0.5);
    const [before] = head.scores(x).slice(6);
    head.learn("first", x, 6);
    const after = head.scores(x)[6]!;
    expect(after).toBeGreaterThan(before! + 0.1);
    expect(head.weights().weight.every(Number.isFinite)).toBe(true);
  });

  test("takes rows of zeros, of one constant and of huge numbers", () => {
    const head = createOnlineLinear(prior, usual);
    for (const [i, value] of [0, 0, 1, 1, 1e38, -1e38, 1e-38].entries()) {
      head.learn(`${i}`, new Float32Array(size).fill(value), i % classes);
    }
    const { weight, bias } = head.weights();
    expect(weight.every(Number.isFinite)).toBe(true);
    expect(bias.every(Number.isFinite)).toBe(true);
  });

  test("gives the labels that contradict each other on one text the same score", () => {
    const head = createOnlineLinear(
      { weight: new Float64Array(classes * size), bias: new Float64Array(classes) },
      usual,
    );
    const x = new Float32Array(size).fill(1);
    for (let i = 0; i < 40; i++) head.learn(`${i}`, x, i % 2);
    settle(head);
    const [first, second, third] = head.scores(x);
    expect(first).toBeCloseTo(second!, 9);
    expect(first).toBeGreaterThan(third! + 1);
  });

  test.each<[string, (head: OnlineLinear) => void, string]>([
    ["a row of another size", (head) => head.learn("x", new Float32Array(3), 0), "takes 9 features a row, not 3"],
    ["NaN", (head) => head.learn("x", new Float32Array(size).fill(Number.NaN), 0), "feature 0 is NaN"],
    [
      "a label outside of the classes",
      (head) => head.learn("x", new Float32Array(size), 7),
      "Label 7 must lie in 0..6",
    ],
    ["an id that it holds", (head) => head.learn("0", new Float32Array(size), 0), "already holds a row 0"],
    ["forgetting an id that it does not hold", (head) => head.forget("x"), "holds no row x"],
    ["a new label of an id that it does not hold", (head) => head.relabel("x", 1), "holds no row x"],
  ])("refuses %s, and learned nothing", (_, act, message) => {
    const head = learned(rowsOf(5));
    const before = head.weights();
    expect(() => act(head)).toThrow(message);
    expect(head.weights()).toEqual(before);
    expect(head.rows).toBe(5);
  });

  test.each<[string, Partial<OnlineRecipe>, string]>([
    ["a negative scale", { scale: -1 }, "scale is -1"],
    ["a strength of 0", { strength: 0 }, "strength is 0"],
    ["infinite precision", { biasStrength: Number.POSITIVE_INFINITY }, "biasStrength is Infinity"],
    ["half a visit", { visits: 0.5 }, "visits is 0.5"],
  ])("is not made with %s", (_, changed, message) => {
    expect(() => createOnlineLinear(prior, { ...usual, ...changed })).toThrow(message);
  });
});

function probabilitiesOf(weights: LinearWeights, features: Matrix): Matrix {
  return referenceHeadKernels.softmax(features, weights);
}
