import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { expectedCalibrationError, reliability } from "../metrics/calibration.js";
import { logLoss, predictedLabels } from "../metrics/classification.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { parseSafetensors, serializeSafetensors } from "../tensor/safetensors.js";
import { calibrateHead, headScores } from "./calibrated.js";
import { fitElm } from "./elm.js";
import type { Head } from "./head.js";
import { fitLinear, type LinearHead } from "./linear.js";
import { loadHead } from "./load-head.js";
import { createOselm, type OselmHead } from "./oselm.js";
import { fitTemperature, softmaxAt, temperatureRange } from "./temperature.js";

const identity = { features: "f00d", classes: ["a", "b", "c"] };
const rows = labelledRows({ rows: 60, inputSize: 8, classes: 3, seed: 1, apart: 0.5 });
const held = labelledRows({ rows: 600, inputSize: 8, classes: 3, seed: 2, apart: 0.5 });
const measured = labelledRows({ rows: 3000, inputSize: 8, classes: 3, seed: 3, apart: 0.5 });
const elmRecipe = { hidden: 40, activation: "tanh", l2: 1e-3, seed: 2 } as const;

const linear = (): LinearHead => {
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 1e-4 } as const;
  return fitLinear({ ...rows, identity, recipe, random: createRandom(1) });
};
const elm = () => fitElm({ ...rows, identity, recipe: elmRecipe });
const oselm = (): OselmHead => {
  const head = createOselm({ identity, inputSize: 8, recipe: elmRecipe });
  head.update(rows.features, rows.labels);
  return head;
};
const heads: [string, () => Head][] = [
  ["linear", linear],
  ["elm", elm],
  ["oselm", oselm],
];

describe("The temperature", () => {
  test("is the one with the smallest log-loss", () => {
    const scores = headScores(linear())(held.features);
    const temperature = fitTemperature(scores, held.labels);
    const loss = (t: number) => logLoss(softmaxAt(scores, t), held.labels);
    for (const other of [0.9, 0.99, 1.01, 1.1, 1 / temperature]) {
      expect(loss(temperature)).toBeLessThan(loss(temperature * other));
    }
  });

  test("undoes a scaling of the scores exactly", () => {
    const scores = headScores(elm())(held.features);
    const tenfold = createMatrix(
      600,
      3,
      scores.data.map((score) => 10 * score),
    );
    const ratio = fitTemperature(tenfold, held.labels) / fitTemperature(scores, held.labels);
    expect(ratio).toBeCloseTo(10, 4);
  });

  test("stays in its range where every row is right, every row wrong, or all scores equal", () => {
    const right = createMatrix(2, 2, Float32Array.of(1, 0, 0, 1));
    expect(fitTemperature(right, Int32Array.of(0, 1))).toBeLessThan(2 * temperatureRange[0]);
    expect(fitTemperature(right, Int32Array.of(1, 0))).toBeCloseTo(temperatureRange[1], 3);
    const equal = fitTemperature(createMatrix(3, 2), Int32Array.of(0, 1, 0));
    expect(equal).toBeGreaterThanOrEqual(temperatureRange[0] * (1 - 1e-9));
    expect(equal).toBeLessThanOrEqual(temperatureRange[1]);
  });

  test("is refused no rows, labels outside the classes, and scores that are no numbers", () => {
    expect(() => fitTemperature(createMatrix(0, 2), new Int32Array(0))).toThrow("at least one held-out row");
    expect(() => fitTemperature(createMatrix(1, 2), Int32Array.of(2))).toThrow("label 2 must lie in 0..1");
    const bad = createMatrix(1, 2, Float32Array.of(0, Number.NaN));
    expect(() => fitTemperature(bad, Int32Array.of(0))).toThrow("Row 0: score 1 is NaN");
  });

  test("is the usual one of few rows, whatever they say, and their own of many", () => {
    const scores = headScores(linear())(held.features);
    const own = fitTemperature(scores, held.labels);
    const few = { ...scores, rows: 3, data: scores.data.subarray(0, 9) };
    for (const usual of [own / 3, own * 3]) {
      const near = (rows: Matrix, spread: number) =>
        Math.abs(
          Math.log(fitTemperature(rows, held.labels.subarray(0, rows.rows), { sharpness: 1 / usual, spread }) / usual),
        );
      expect(near(few, 0.02 / usual)).toBeLessThan(0.1);
      expect(near(scores, 10 / usual)).toBeGreaterThan(0.9);
      expect(near(scores, 0.02 / usual)).toBeLessThan(near(scores, 10 / usual));
    }
  });

  test("gives finite probabilities for huge scores", () => {
    const huge = createMatrix(1, 3, Float32Array.of(3e38, -3e38, 0));
    expect(Array.from(softmaxAt(huge, 1e-3).data)).toEqual([1, 0, 0]);
  });
});

describe.each(heads)("A calibrated %s head", (_, make) => {
  const calibrated = () => {
    const head = make();
    return calibrateHead(head, fitTemperature(headScores(head)(held.features), held.labels));
  };
  const errorOf = (probabilities: Matrix) => expectedCalibrationError(reliability(probabilities, measured.labels));

  test("predicts the same, with probabilities that sum to 1 and are better ones on new rows", () => {
    const [head, better] = [make(), calibrated()];
    const [before, after] = [head.probabilities(measured.features), better.probabilities(measured.features)];
    for (let i = 0; i < after.rows; i++) {
      expect(after.data.subarray(3 * i, 3 * i + 3).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
    expect(predictedLabels(after)).toEqual(predictedLabels(headScores(head)(measured.features)));
    expect(logLoss(after, measured.labels)).toBeLessThan(logLoss(before, measured.labels));
    expect(errorOf(after)).toBeLessThan(errorOf(before));
    expect(errorOf(after)).toBeLessThan(0.05);
  });

  test("keeps its temperature in its file, to the last bit of its answers", () => {
    const head = calibrated();
    const file = parseSafetensors(serializeSafetensors(head.save()));
    expect(loadHead(file).probabilities(rows.features)).toEqual(head.probabilities(rows.features));
    expect(loadHead(file).kind).toBe(head.kind);
  });

  test("is read from a file without a temperature as it was before", () => {
    const head = make();
    const loaded = loadHead(parseSafetensors(serializeSafetensors(head.save())));
    expect(loaded.probabilities(rows.features)).toEqual(head.probabilities(rows.features));
    expect(loaded).not.toHaveProperty("temperature");
  });

  test("is refused where the temperature makes no sense, by the field's name", () => {
    const { metadata, tensors } = make().save();
    for (const temperature of ["", "warm", "NaN"]) {
      expect(() => loadHead({ metadata: { ...metadata, temperature }, tensors })).toThrow('"temperature"');
    }
    for (const temperature of ["0", "-1", "1e9"]) {
      expect(() => loadHead({ metadata: { ...metadata, temperature }, tensors })).toThrow("temperature is");
    }
    expect(() => calibrateHead(make(), Number.NaN)).toThrow("temperature is NaN");
  });
});

describe("Calibrating", () => {
  test("by a temperature of 1 leaves the linear head's probabilities", () => {
    const head = linear();
    const same = calibrateHead(head, 1).probabilities(measured.features);
    expect(largestDifference(same.data, head.probabilities(measured.features).data)).toBeLessThan(1e-6);
  });

  test("leaves an OSELM head learning and forgetting", () => {
    const head = calibrateHead(oselm(), 0.2);
    const before = head.probabilities(rows.features);
    head.update(held.features, held.labels);
    expect(head.count).toBe(660);
    expect(head.probabilities(rows.features)).not.toEqual(before);
    head.forget(held.features, held.labels);
    expect(head.probabilities(rows.features)).toEqual(before);
  });
});
