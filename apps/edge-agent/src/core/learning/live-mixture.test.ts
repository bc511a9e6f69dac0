import { fitElm } from "@attune/ml/heads/elm";
import type { Head } from "@attune/ml/heads/head";
import { fitLinear } from "@attune/ml/heads/linear";
import { referenceHeadKernels } from "@attune/ml/heads/reference-head-kernels";
import { logLoss } from "@attune/ml/metrics/classification";
import { row } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { HeadRecipe, Release } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";
import { type LabelledRows, labelledRows, part } from "../../../../../test/golden/heads/labelled-rows.js";
import { createLiveMixture } from "./live-mixture.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const population = labelledRows({ rows: 600, inputSize: 40, classes: 4, seed: 1, apart: 0.6 });
const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 } as const;
const linear = fitLinear({ ...population, identity, recipe, random: createRandom(1) });
const elm = fitElm({ ...population, identity, recipe: { hidden: 24, l2: 1, activation: "tanh", seed: 1 } });
/** The rows are mostly of two classes, as people are mostly neutral. */
const rows = labelledRows({ rows: 2200, inputSize: 40, classes: 4, seed: 2, apart: 0.6 });
const person = { ...rows, labels: rows.labels.map((label, i) => (i % 8 === 0 ? label : label % 2)) };
const [training, unseen] = [part(person, 0, 200), part(person, 200, 2200)];

const create = (headRecipe: HeadRecipe, prior: Head) =>
  createLiveMixture({ model: { release: { headRecipe } as Release, prior }, kernels: referenceHeadKernels });
type Live = ReturnType<typeof create>;

function learn(live: Live, { features, labels }: LabelledRows): Live {
  for (const [i, label] of labels.entries()) live.hold(`${i}`, row(features, i).slice(), identity.classes[label]);
  return live;
}

describe.each<[string, HeadRecipe, Head]>([
  ["linear", { kind: "linear" }, linear],
  ["elm", { kind: "elm", hidden: 24, l2: 1 }, linear],
  ["oselm", { kind: "oselm", hidden: 24, l2: 1 }, elm],
  ["oselm of another size than the prior", { kind: "oselm", hidden: 16, l2: 1 }, elm],
])("a mixture with a personal head: %s", (_, headRecipe, prior) => {
  test("has better probabilities for a person than the prior, at once and after it settled", () => {
    const live = learn(create(headRecipe, prior), training);
    const alone = logLoss(create(headRecipe, prior).probabilities(unseen.features), unseen.labels);
    expect(logLoss(live.probabilities(unseen.features), unseen.labels)).toBeLessThan(alone);
    for (const _step of live.settle());
    expect(logLoss(live.probabilities(unseen.features), unseen.labels)).toBeLessThan(alone);
  });

  test("has finite probabilities above 0 of no row, of one row, of a few, and of one class only", () => {
    const same = { ...part(training, 0, 30), labels: new Int32Array(30).fill(3) };
    for (const few of [part(training, 0, 0), part(training, 0, 1), part(training, 0, 9), same]) {
      const live = learn(create(headRecipe, prior), few);
      for (const _step of live.settle());
      const { data } = live.probabilities(unseen.features);
      expect(data.every((p) => p > 0 && p <= 1)).toBe(true);
    }
  });

  test("holds one row for each id, and none without features or with another release's label", () => {
    const live = create(headRecipe, prior);
    const features = row(training.features, 0).slice();
    live.hold("a", features, "a");
    live.hold("a", features, "a");
    live.hold("b", undefined, "a");
    live.hold("c", features, "elated");
    expect([live.rows, live.sinceRefit, live.mixture.labels]).toEqual([1, 1, 1]);
    live.hold("a", features, "b");
    live.hold("a", row(training.features, 1).slice(), "b");
    live.hold("a", undefined, undefined);
    expect([live.rows, live.sinceRefit]).toEqual([0, 4]);
  });
});

test("A release whose prior head no linear head can start from is answered by its prior alone.", () => {
  const live = learn(create({ kind: "linear" }, elm), training);
  expect(live.mixture.experts).toEqual(["prior"]);
  expect(live.probabilities(unseen.features).rows).toBe(unseen.features.rows);
});
