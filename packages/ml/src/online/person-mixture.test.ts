import { describe, expect, test } from "vitest";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { headScores } from "../heads/calibrated.js";
import { fitElm } from "../heads/elm.js";
import { fitLinear, toOptimum } from "../heads/linear.js";
import { createOselm } from "../heads/oselm.js";
import { createMatrix, type Matrix, row } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { type Expert, fixedExpert, linearExperts, oselmExpert } from "./experts.js";
import { createMixture, regretBound, regretOf } from "./mixture.js";
import { createPersonMixture, type PersonMixture } from "./person-mixture.js";
import { coverLabel, newCoverage } from "./prediction-set.js";

const [size, classes] = [8, 5];
const identity = { features: "f00d", classes: ["a", "b", "c", "d", "e"] };

/** `turn` shifts the labels: a person who means other words than everyone else. */
function rowsOf(count: number, { seed, turn = 0 }: { seed: number; turn?: number }) {
  const random = createRandom(seed);
  const features = createMatrix(count, size);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < size; d++) features.data[i * size + d] = random.normal();
    const lean = features.data[i * size]! + features.data[i * size + 1]! + random.normal() / 2;
    labels[i] = (Math.min(classes - 1, Math.max(0, Math.round(2 + lean))) + turn) % classes;
  }
  return { features, labels };
}

const everyone = rowsOf(300, { seed: 1 });
const prior = fitLinear({ ...everyone, identity, random: createRandom(1), recipe: { ...toOptimum, l2: 0.02 } });
const person = rowsOf(250, { seed: 2, turn: 2 });

interface Made {
  readonly experts: readonly Expert[];
  readonly person: PersonMixture;
}

const mixed = (experts: readonly Expert[]): Made => ({ experts, person: createPersonMixture(experts, { classes }) });
const linear = () => mixed(linearExperts(prior, { visits: 8 }));

/** An ELM of everyone's rows, and a head that starts there. */
function oselm(): Made {
  const recipe = { hidden: 16, activation: "tanh", seed: 3, l2: 1 } as const;
  const elm = fitElm({ ...everyone, identity, recipe });
  const head = createOselm({ identity, inputSize: size, recipe, prior: elm });
  return mixed([
    fixedExpert("prior", elm),
    oselmExpert("prior + personal", { head, scores: headScores(head), temperature: 0.25 }),
  ]);
}

function learn(mixture: PersonMixture, { from = 0, to }: { from?: number; to: number }): PersonMixture {
  for (let i = from; i < to; i++) mixture.learn(`${i}`, row(person.features, i), person.labels[i]!);
  return mixture;
}

const one = (features: Matrix, i: number) => createMatrix(1, size, row(features, i));
const makers: [string, () => Made][] = [
  ["linear", linear],
  ["oselm", oselm],
];

describe.each(makers)("a person's mixture of %s experts", (_, create) => {
  test("moves its very next prediction with every label", () => {
    const mixture = create().person;
    for (let i = 0; i < 10; i++) {
      const [text, label] = [one(person.features, i), person.labels[i]!];
      const before = mixture.probabilities(text).data[label]!;
      mixture.learn(`${i}`, text.data, label);
      expect(mixture.probabilities(text).data[label]).toBeGreaterThan(before);
    }
  });

  test("is judged by the probabilities that it gave before each label", () => {
    const mixture = create().person;
    let loss = 0;
    for (let i = 0; i < 80; i++) {
      loss -= Math.log(mixture.probabilities(one(person.features, i)).data[person.labels[i]!]!);
      learn(mixture, { from: i, to: i + 1 });
    }
    expect(mixture.mixture.loss).toBeCloseTo(loss, 3);
    expect(regretOf(mixture.mixture)).toBeLessThanOrEqual(regretBound(mixture.mixture));
  });

  test("moves the threshold of its sets by the probabilities that it gave before each label", () => {
    const mixture = create().person;
    let expected = newCoverage;
    for (let i = 0; i < 40; i++) {
      expected = coverLabel(expected, mixture.probabilities(one(person.features, i)).data, person.labels[i]!);
      learn(mixture, { from: i, to: i + 1 });
      expect(mixture.coverage).toEqual(expected);
    }
  });

  test("leaves the prior for a person who means other words than everyone else", () => {
    const { mixture } = learn(create().person, { to: 250 });
    expect(mixture.weights[0]!).toBeLessThan(0.02);
    expect(mixture.loss).toBeLessThan(mixture.losses[0]! - 50);
  });

  test("is the same, to the last bit, if the same rows are learned again in the same order", () => {
    const [first, second] = [learn(create().person, { to: 70 }), learn(create().person, { to: 70 })];
    expect(second.mixture).toEqual(first.mixture);
    expect(second.probabilities(person.features)).toEqual(first.probabilities(person.features));
  });

  test("answers as if it had never learned the rows that it forgot, once swept and given the same weights", () => {
    const learned = create();
    learn(learned.person, { to: 120 });
    for (let i = 0; i < 40; i++) learned.person.forget(`${i}`);
    const fresh = create();
    learn(fresh.person, { from: 40, to: 120 });
    const [answers, expected] = [learned, fresh].map(({ experts, person: mixture }) => {
      while (mixture.sweep() > 1e-12);
      return experts.map((expert) => expert.probabilities(row(person.features, 7)));
    });
    expect(learned.person.rows).toBe(80);
    for (const [k, given] of answers!.entries()) expect(largestDifference(given, expected![k]!)).toBeLessThan(1e-6);
  });

  test("resumes where it was, and learns, relabels and forgets from there", () => {
    const before = create();
    learn(before.person, { to: 60 });
    const rows = Array.from({ length: 60 }, (_, i) => i).map((i) => ({
      id: `${i}`,
      features: row(person.features, i),
      label: person.labels[i]!,
    }));
    const shares = before.person.shares(rows.map(({ id }) => id));
    const { mixture, coverage } = before.person;
    const resumed = { mixture, coverage, rows, shares };
    const after = createPersonMixture(create().experts, { classes, resumed });
    expect([after.rows, after.mixture, after.coverage]).toEqual([60, mixture, coverage]);
    const texts = person.features;
    const apart = () => largestDifference(after.probabilities(texts).data, before.person.probabilities(texts).data);
    expect(apart()).toBeLessThan(1e-6);
    for (const each of [before.person, after]) {
      each.forget("3");
      each.relabel("5", (person.labels[5]! + 1) % classes);
      learn(each, { from: 60, to: 70 });
      while (each.sweep() > 1e-12);
    }
    expect(apart()).toBeLessThan(0.02);
  });

  test("takes a new label for a row as if it had learned that label", () => {
    const changed = create();
    learn(changed.person, { to: 60 });
    changed.person.relabel("5", (person.labels[5]! + 1) % classes);
    const fresh = create();
    for (let i = 0; i < 60; i++) {
      const label = i === 5 ? (person.labels[i]! + 1) % classes : person.labels[i]!;
      fresh.person.learn(`${i}`, row(person.features, i), label);
    }
    const [answers, expected] = [changed, fresh].map(({ experts, person: mixture }) => {
      while (mixture.sweep() > 1e-12);
      return experts.map((expert) => expert.probabilities(row(person.features, 7)));
    });
    for (const [k, given] of answers!.entries()) expect(largestDifference(given, expected![k]!)).toBeLessThan(1e-6);
  });

  test.each<[string, (mixture: PersonMixture) => void, string]>([
    ["NaN", (m) => m.learn("x", new Float32Array(size).fill(Number.NaN), 0), "feature 0 is NaN"],
    ["a row of another size", (m) => m.learn("x", new Float32Array(3), 0), "not 3"],
    ["a label outside of the classes", (m) => m.learn("x", new Float32Array(size), 5), "label 5 must lie in 0..4"],
    ["an id that is held", (m) => m.learn("0", new Float32Array(size), 0), "The row 0 is learned already"],
    ["to forget an unknown id", (m) => m.forget("x"), "The row x is not held"],
    ["to relabel an unknown id", (m) => m.relabel("x", 0), "The row x is not held"],
    ["a new label outside of the classes", (m) => m.relabel("0", -1), "label -1 must lie in 0..4"],
  ])("refuses %s, and is as before", (_, act, message) => {
    const mixture = learn(create().person, { to: 3 });
    const [before, held, answers] = [mixture.mixture, mixture.coverage, mixture.probabilities(person.features)];
    expect(() => act(mixture)).toThrow(message);
    expect([mixture.mixture, mixture.coverage]).toEqual([before, held]);
    expect(mixture.probabilities(person.features)).toEqual(answers);
    expect(mixture.rows).toBe(3);
  });
});

describe("a person's mixture", () => {
  test("of linear experts answers as the prior before the first label, and its expert from scratch does until row 100", () => {
    const { experts, person: mixture } = linear();
    const scratch = experts[4]!;
    const text = row(person.features, 200);
    const alone = prior.probabilities(createMatrix(1, size, text)).data;
    learn(mixture, { to: 99 });
    expect(scratch.probabilities(text)).toEqual(alone);
    learn(mixture, { from: 99, to: 100 });
    expect(largestDifference(scratch.probabilities(text), alone)).toBeGreaterThan(0.01);
    mixture.forget("3");
    expect(scratch.probabilities(text)).toEqual(alone);
  });

  test("refuses the weights of other experts", () => {
    const resumed = { mixture: createMixture(["prior"]), coverage: newCoverage, rows: [], shares: [] };
    expect(() => createPersonMixture(linearExperts(prior), { classes, resumed })).toThrow(
      "The mixture weighs (prior), not (prior;",
    );
  });
});
