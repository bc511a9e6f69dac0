import { fitElm } from "@attune/ml/heads/elm";
import { fitLinear } from "@attune/ml/heads/linear";
import { loadHead } from "@attune/ml/heads/load-head";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import { logLoss, predictedLabels } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { describe, expect, test } from "vitest";
import { type LabelledRows, labelledRows, part } from "../../../../../test/golden/heads/labelled-rows.js";
import { type PersonaliseInput, personalise } from "./personalise.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const population = labelledRows({ rows: 600, inputSize: 40, classes: 4, seed: 1, apart: 0.6 });
const prior = fitLinear({
  ...population,
  identity,
  recipe: { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 },
  random: createRandom(1),
});
/** The rows are mostly of two classes, as people are mostly neutral. */
const rows = labelledRows({ rows: 2200, inputSize: 40, classes: 4, seed: 2, apart: 0.6 });
const person = { ...rows, labels: rows.labels.map((label, i) => (i % 8 === 0 ? label : label % 2)) };
const [training, unseen] = [part(person, 0, 200), part(person, 200, 2200)];

const learn = (recipe: PersonaliseInput["recipe"], own: LabelledRows) =>
  personalise({ ...own, identity, prior, recipe }, async () => undefined);

/** The same head without a temperature. */
function plain({ kind }: PersonaliseInput["recipe"]) {
  const fit = { ...training, identity, prior, random: createRandom(20_211_122) };
  if (kind === "linear") return fitLinear({ ...fit, recipe: selectPriorStrength(fit).recipe });
  return fitElm({ ...fit, recipe: { hidden: 24, l2: 1, activation: "tanh", seed: 1 } });
}

describe.each([{ kind: "linear" }, { kind: "elm", hidden: 24, l2: 1 }, { kind: "oselm", hidden: 24, l2: 1 }] as const)(
  "A personal $kind head",
  (recipe) => {
    test("has better probabilities for its temperature, the same labels, and both after it was stored", async () => {
      const { head } = await learn(recipe, training);
      const own = head.probabilities(unseen.features);
      const without = plain(recipe).probabilities(unseen.features);
      expect(logLoss(own, unseen.labels)).toBeLessThan(logLoss(without, unseen.labels));
      expect(predictedLabels(own)).toEqual(predictedLabels(without));
      const stored = loadHead(parseSafetensors(serializeSafetensors(head.save())));
      expect(stored.probabilities(unseen.features)).toEqual(own);
    });

    test("has finite probabilities above 0 of one row, of a few, and of one class only", async () => {
      const same = { ...part(training, 0, 30), labels: new Int32Array(30).fill(3) };
      for (const few of [part(training, 0, 1), part(training, 0, 9), part(training, 0, 12), same]) {
        const { head } = await learn(recipe, few);
        const { data } = head.probabilities(unseen.features);
        expect(data.every((p) => p > 0 && p <= 1)).toBe(true);
      }
    });
  },
);
