import { describe, expect, it } from "vitest";
import { labelledRows, part } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { logLoss } from "../metrics/classification.js";
import { createRandom } from "../tensor/random.js";
import { fitLinear, type LinearRecipe } from "./linear.js";
import { defaultStrengths, selectPriorStrength } from "./prior.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const recipe: LinearRecipe = { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 };
const population = labelledRows({ rows: 600, inputSize: 6, classes: 4, seed: 1 });
const prior = fitLinear({ ...population, identity, recipe, random: createRandom(1) });

/** A person who means something else by what they say: the population's rows under other labels. */
function otherPerson(rows: number) {
  const { features, labels } = labelledRows({ rows, inputSize: 6, classes: 4, seed: 2 });
  return { features, labels: labels.map((label) => (label + 1) % 4) };
}

const select = (examples: { features: typeof population.features; labels: Int32Array }, seed = 1) =>
  selectPriorStrength({ ...examples, identity, prior, random: createRandom(seed) });

describe("The strength of the prior", () => {
  it("is low for a person whom the prior does not fit, and their head is then better on their new rows", () => {
    const person = otherPerson(300);
    const training = part(person, 0, 200);
    const { l2, strength } = select(training);
    expect(strength).toBeLessThanOrEqual(30);
    expect(l2).toBe(strength / 200);
    const personal = fitLinear({ ...training, identity, recipe: { ...recipe, l2 }, prior, random: createRandom(1) });
    const { features, labels } = part(person, 200, 300);
    expect(logLoss(personal.probabilities(features), labels)).toBeLessThan(
      logLoss(prior.probabilities(features), labels),
    );
  });

  it("is high for a person like everyone else", () => {
    expect(select(labelledRows({ rows: 60, inputSize: 6, classes: 4, seed: 3 })).strength).toBeGreaterThanOrEqual(100);
  });

  it("is the prior alone, in effect, when the labels are noise around it", () => {
    const random = createRandom(4);
    const { features } = labelledRows({ rows: 40, inputSize: 6, classes: 4, seed: 4 });
    const flat = fitLinear({
      ...population,
      labels: Int32Array.from(population.labels, () => random.integer(4)),
      identity,
      recipe: { ...recipe, l2: 10 },
      random,
    });
    const noise = { features, labels: Int32Array.from({ length: 40 }, () => random.integer(4)) };
    const { l2 } = selectPriorStrength({ ...noise, identity, prior: flat, random: createRandom(1) });
    const personal = fitLinear({ ...noise, identity, recipe: { ...recipe, l2 }, prior: flat, random });
    expect(largestDifference(personal.probabilities(features).data, flat.probabilities(features).data)).toBeLessThan(
      0.05,
    );
  });

  it("is the same for the same seed, with a score for every candidate tried and every fold", () => {
    const person = otherPerson(50);
    const first = select(person);
    expect(select(person)).toEqual(first);
    expect(select(person, 2)).not.toEqual(first);
    const tried = first.foldScores.map((score) => score.strength);
    expect(tried).toEqual(defaultStrengths.slice(0, tried.length));
    expect(tried).toContain(first.strength);
    for (const { perFold, logLoss: mean } of first.foldScores) {
      expect(perFold).toHaveLength(5);
      expect(perFold.every((loss) => Number.isFinite(loss))).toBe(true);
      expect(mean).toBeGreaterThan(0);
    }
  });

  it("is chosen with classes missing from folds, one class only, and fewer rows than folds", () => {
    const person = otherPerson(30);
    const lonely = { features: person.features, labels: new Int32Array(30).fill(1) };
    lonely.labels[7] = 3;
    expect(select(lonely).l2).toBeGreaterThan(0);
    expect(select({ ...person, labels: new Int32Array(30).fill(2) }).l2).toBeGreaterThan(0);
    const three = select(part(person, 0, 3));
    expect(three.foldScores[0]!.perFold).toHaveLength(3);
    expect(Number.isFinite(three.l2)).toBe(true);
  });

  it("is the strongest candidate for a single row", () => {
    const one = select(part(otherPerson(30), 0, 1));
    expect(one).toEqual({ l2: 1e6, strength: 1e6, foldScores: [] });
  });

  it("is chosen among the caller's candidates", () => {
    const { strength } = selectPriorStrength({
      ...otherPerson(100),
      identity,
      prior,
      random: createRandom(1),
      candidates: [5, 500],
    });
    expect(strength).toBe(5);
  });

  it("is refused for no rows, no or bad candidates, and a prior of other features", () => {
    const person = otherPerson(10);
    const options = { ...person, identity, prior, random: createRandom(1) };
    expect(() => select(part(person, 0, 0))).toThrow("at least one row");
    expect(() => selectPriorStrength({ ...options, candidates: [] })).toThrow("No candidates");
    expect(() => selectPriorStrength({ ...options, candidates: [Number.NaN] })).toThrow("candidate");
    expect(() => selectPriorStrength({ ...options, folds: 1 })).toThrow("folds is 1");
    expect(() => selectPriorStrength({ ...options, identity: { ...identity, features: "beef" } })).toThrow("f00d");
  });
});
