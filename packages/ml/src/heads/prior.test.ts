import { describe, expect, test } from "vitest";
import { labelledRows, part } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { logLoss, predictedLabels, weightedF1 } from "../metrics/classification.js";
import { createMatrix, selectRows } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { calibrateHead } from "./calibrated.js";
import { fitLinear, type LinearRecipe } from "./linear.js";
import { type PriorStrengthOptions, selectPriorStrength } from "./prior.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const recipe: LinearRecipe = { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 };
const population = labelledRows({ rows: 600, inputSize: 6, classes: 4, seed: 1 });
const prior = fitLinear({ ...population, identity, recipe, random: createRandom(1) });
type Rows = Pick<typeof population, "features" | "labels">;

/** A person whose words mean something else than usual: the population's rows under other labels. */
function otherPerson(rows: number): Rows {
  const { features, labels } = labelledRows({ rows, inputSize: 6, classes: 4, seed: 2 });
  return { features, labels: labels.map((label) => (label + 1) % 4) };
}

const select = (rows: Rows, given: Partial<PriorStrengthOptions> = {}) =>
  selectPriorStrength({ ...rows, identity, prior, random: createRandom(1), ...given });

const learn = (rows: Rows, chosen = select(rows), given = prior) =>
  fitLinear({ ...rows, identity, recipe: chosen.recipe, prior: given, random: createRandom(1) });

describe("The trust in the prior", () => {
  test("is little for a person whom the prior does not fit, and their head is then better on their new rows", () => {
    const person = otherPerson(300);
    const training = part(person, 0, 200);
    const chosen = select(training);
    expect(chosen.strength).toBeLessThanOrEqual(0.1);
    expect(chosen.logLoss).toBeLessThan(chosen.priorLogLoss);
    const { features, labels } = part(person, 200, 300);
    expect(logLoss(learn(training).probabilities(features), labels)).toBeLessThan(
      logLoss(prior.probabilities(features), labels) / 2,
    );
  });

  test("is much for a person like everyone else, more than for one whom the prior does not fit", () => {
    const alike = select(labelledRows({ rows: 60, inputSize: 6, classes: 4, seed: 3 }));
    expect(alike.scale).toBe(1);
    expect(alike.strength).toBeGreaterThanOrEqual(0.4);
    const other = select(otherPerson(60));
    expect(other.scale).toBeLessThan(alike.scale);
    expect(other.strength).toBeLessThanOrEqual(alike.strength);
  });

  test("beats the prior alone and a head from scratch where a person is somewhat their own", () => {
    // The rows of everyone, except that this person shows one class in place of another.
    const rows = labelledRows({ rows: 460, inputSize: 6, classes: 4, seed: 5 });
    const own = { features: rows.features, labels: rows.labels.map((label) => (label === 3 ? 2 : label)) };
    const [training, unseen] = [part(own, 0, 60), part(own, 60, 460)];
    const scratch = learn(training, select(training, { scales: [0] }));
    const loss = (head: typeof prior) => logLoss(head.probabilities(unseen.features), unseen.labels);
    expect(loss(learn(training))).toBeLessThan(loss(prior));
    expect(loss(learn(training))).toBeLessThan(loss(scratch));
  });

  test("turns down a prior that is too sure of itself", () => {
    const shouting = { ...prior, weight: prior.weight.map((w) => 8 * w), bias: prior.bias.map((b) => 8 * b) };
    const rows = labelledRows({ rows: 200, inputSize: 6, classes: 4, seed: 6 });
    const flipped = { ...rows, labels: rows.labels.map((label, i) => (i % 4 === 0 ? (label + 1) % 4 : label)) };
    expect(select(flipped, { prior: shouting }).scale).toBeLessThan(0.75);
  });

  test("says strength in rows: l2 per row is strength times the mean squared row, divided by the rows", () => {
    const rows = { features: createMatrix(2, 2, Float32Array.of(3, 4, 0, 1)), labels: Int32Array.of(0, 1) };
    const { weight: _w, ...two } = fitLinear({ ...rows, identity, recipe, random: createRandom(1) });
    const given = { ...two, weight: new Float64Array(8) };
    const chosen = selectPriorStrength({
      ...rows,
      identity,
      prior: given,
      random: createRandom(1),
      scales: [0.5],
      strengths: [2],
      classWeights: "none",
    });
    // The mean square is (25 + 1) / 2 = 13, so l2 is 2 · 13 / 2. The biases weigh as one row.
    expect(chosen.recipe).toMatchObject({ l2: 13, biasL2: 0.5, priorScale: 0.5, classWeights: "none" });
  });

  test("is the same whatever the features' unit, with a head that answers alike", () => {
    const rows = labelledRows({ rows: 80, inputSize: 6, classes: 4, seed: 7 });
    const bigger = {
      ...rows,
      features: createMatrix(
        80,
        6,
        rows.features.data.map((x) => 4 * x),
      ),
    };
    const smaller = { ...prior, weight: prior.weight.map((w) => w / 4) };
    const [one, other] = [select(rows), select(bigger, { prior: smaller })];
    expect([other.scale, other.strength]).toEqual([one.scale, one.strength]);
    const there = learn(bigger, other, smaller).probabilities(bigger.features).data;
    expect(largestDifference(learn(rows, one).probabilities(rows.features).data, there)).toBeLessThan(1e-5);
  });

  test("does not depend on where features that are always zero stand", () => {
    const rows = part(otherPerson(80), 0, 80);
    const wider = createMatrix(80, 9);
    for (let i = 0; i < 80; i++) wider.data.set(rows.features.data.subarray(i * 6, i * 6 + 6), i * 9);
    const weight = new Float64Array(4 * 9);
    for (let c = 0; c < 4; c++) weight.set(prior.weight.subarray(c * 6, c * 6 + 6), c * 9);
    const widePrior = { ...prior, inputSize: 9, weight };
    const chosen = select({ ...rows, features: wider }, { prior: widePrior });
    expect([chosen.scale, chosen.strength, chosen.l2]).toEqual(Object.values(pick(select(rows))));
  });

  test("leaves the order of the rows no say in the head beyond the folds", () => {
    const rows = otherPerson(50);
    const backwards = Int32Array.from({ length: 50 }, (_, i) => 49 - i);
    const turned = { features: selectRows(rows.features, backwards), labels: backwards.map((i) => rows.labels[i]!) };
    const chosen = select(rows);
    expect(largestDifference(learn(turned, chosen).weight, learn(rows, chosen).weight)).toBeLessThan(1e-5);
  });

  test("is the same for the same seed, with a score for every candidate tried and every fold", () => {
    const person = otherPerson(50);
    const first = select(person);
    expect(select(person)).toEqual(first);
    expect(select(person, { random: createRandom(2) })).not.toEqual(first);
    const scored = first.foldScores.find(({ scale, strength }) => scale === first.scale && strength === first.strength);
    expect(scored?.logLoss).toBe(first.logLoss);
    for (const { perFold, logLoss: mean } of first.foldScores) {
      expect(perFold).toHaveLength(5);
      expect(perFold.every((loss) => Number.isFinite(loss))).toBe(true);
      expect(mean).toBeGreaterThan(0);
    }
  });

  test("after a row is deleted is what it is where the row never was, and so is the head", () => {
    const person = otherPerson(61);
    const kept = Int32Array.from({ length: 60 }, (_, i) => (i < 20 ? i : i + 1));
    const without = { features: selectRows(person.features, kept), labels: kept.map((i) => person.labels[i]!) };
    const copied = { features: selectRows(without.features, [...kept.keys()]), labels: without.labels.slice() };
    expect(select(copied)).toEqual(select(without));
    expect(learn(copied).weight).toEqual(learn(without).weight);
    expect(learn(person).weight).not.toEqual(learn(without).weight);
  });

  test("is chosen with classes missing from folds, one class only, and fewer rows than folds", () => {
    const person = otherPerson(30);
    const lonely = { features: person.features, labels: new Int32Array(30).fill(1) };
    lonely.labels[7] = 3;
    expect(select(lonely).l2).toBeGreaterThan(0);
    const onlyOne = { ...person, labels: new Int32Array(30).fill(2) };
    const { features } = person;
    expect(predictedLabels(learn(onlyOne).probabilities(features))).toEqual(onlyOne.labels);
    const three = select(part(person, 0, 3));
    expect(three.foldScores[0]!.perFold).toHaveLength(3);
    expect(Number.isFinite(three.l2)).toBe(true);
  });

  test("makes room for a class that appears later", () => {
    const rows = labelledRows({ rows: 120, inputSize: 6, classes: 4, seed: 8 });
    const known = Int32Array.from(rows.labels.keys()).filter((i) => rows.labels[i] !== 0);
    const before = { features: selectRows(rows.features, known), labels: known.map((i) => rows.labels[i]!) };
    const [missing, learned] = [learn(before), learn(rows)];
    const score = (head: typeof prior) =>
      weightedF1(rows.labels, predictedLabels(head.probabilities(rows.features)), 4);
    expect(score(learned)).toBeGreaterThan(score(missing));
    expect(missing.probabilities(rows.features).data.every((p) => p > 0)).toBe(true);
  });

  test("is the usual one for a single row, and for rows that are all zero there is a head too", () => {
    const one = select(part(otherPerson(30), 0, 1));
    expect(one).toMatchObject({ scale: 0.75, strength: 0.8, foldScores: [], logLoss: null });
    const zeros = { features: createMatrix(4, 6), labels: Int32Array.of(0, 1, 1, 2) };
    expect(learn(zeros).probabilities(zeros.features).data.every(Number.isFinite)).toBe(true);
  });

  test.each([
    [
      "sharpens a head that class weights leave too flat",
      (label: number, i: number) => (i % 8 === 0 ? label : label % 2),
    ],
    ["flattens one that is too sure", (label: number, i: number) => (i % 2 === 0 ? 0 : label)],
  ])("comes with a temperature that %s, and predicts the same", (what, relabel) => {
    const wide = { inputSize: 40, classes: 4, apart: 0.6 };
    const everyone = fitLinear({
      ...labelledRows({ ...wide, rows: 600, seed: 1 }),
      identity,
      recipe,
      random: createRandom(1),
    });
    const rows = labelledRows({ ...wide, rows: 2200, seed: 2 });
    const person = { ...rows, labels: rows.labels.map(relabel) };
    const [training, unseen] = [part(person, 0, 200), part(person, 200, 2200)];
    const chosen = select(training, { prior: everyone });
    const head = learn(training, chosen, everyone);
    const [before, after] = [head, calibrateHead(head, chosen.temperature)].map((x) =>
      x.probabilities(unseen.features),
    );
    expect(chosen.temperature < 1).toBe(what.startsWith("sharpens"));
    expect(logLoss(after!, unseen.labels)).toBeLessThan(logLoss(before!, unseen.labels) - 0.002);
    expect(predictedLabels(after!)).toEqual(predictedLabels(before!));
  });

  test("has a temperature near 1 where rows are few or of one class, and 1 for a single row", () => {
    const person = otherPerson(30);
    expect(select(part(person, 0, 1)).temperature).toBe(1);
    const onlyOne = { ...person, labels: new Int32Array(30).fill(2) };
    for (const rows of [part(person, 0, 2), part(person, 0, 5), onlyOne]) {
      expect(Math.abs(1 / select(rows).temperature - 1)).toBeLessThan(0.1);
    }
  });

  test("is chosen among the caller's candidates", () => {
    const { scale, strength } = select(otherPerson(100), { scales: [1], strengths: [0.5, 500] });
    expect([scale, strength]).toEqual([1, 0.5]);
  });

  test("is refused for no rows, no or bad candidates, and a prior of other features", () => {
    const person = otherPerson(10);
    expect(() => select(part(person, 0, 0))).toThrow("at least one row");
    expect(() => select(person, { strengths: [] })).toThrow("No candidates for the prior's strength");
    expect(() => select(person, { scales: [Number.NaN] })).toThrow("A candidate for the prior's scale");
    expect(() => select(person, { folds: 1 })).toThrow("folds is 1");
    expect(() => select(person, { identity: { ...identity, features: "beef" } })).toThrow("f00d");
  });
});

function pick({ scale, strength, l2 }: { scale: number; strength: number; l2: number }) {
  return { scale, strength, l2 };
}
