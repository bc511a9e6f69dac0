import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference, readGolden, toFloat64, toMatrix } from "../../../../test/golden/heads/read.js";
import { accuracy, predictedLabels } from "../metrics/classification.js";
import { createMatrix, selectRows } from "../tensor/matrix.js";
import { createRandom, type Random } from "../tensor/random.js";
import { serializeSafetensors } from "../tensor/safetensors.js";
import { writeHead } from "./head-file.js";
import { fitLinear, type LinearHead, type LinearRecipe, loadLinear } from "./linear.js";

interface Weights {
  weight: number[][];
  bias: number[];
}
interface Logistic extends Weights {
  features: number[][];
  labels: number[];
  l2: number;
  probabilities: number[][];
  balanced: Weights & { labels: number[] };
  prior: Weights;
  posterior: Weights;
}
interface MiniBatch {
  features: number[][];
  labels: number[];
  l2: number;
  epochs: number;
  batchSize: number;
  sgd: Weights & { learningRate: number };
  adam: Weights & { learningRate: number };
}

const optimum: LinearRecipe = { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 };
const sevenClasses = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"];
const seven = { features: "f00d", classes: sevenClasses };
const four = { features: "f00d", classes: ["a", "b", "c", "d"] };
const random = () => createRandom(1);

/** Takes rows in their given order, as the golden trajectories do. */
const unshuffled: Random = { ...createRandom(1), shuffle: () => {} };

function expectWeights(head: LinearHead, expected: Weights, within: number): void {
  expect(largestDifference(head.weight, expected.weight.flat())).toBeLessThan(within);
  expect(largestDifference(head.bias, expected.bias)).toBeLessThan(within);
}

function headOf({ weight, bias }: Weights): LinearHead {
  const file = writeHead(
    { kind: "linear", identity: four, recipe: optimum },
    new Map([
      ["weight", { dtype: "F64", shape: [weight.length, weight[0]!.length], data: toFloat64(weight) }],
      ["bias", { dtype: "F64", shape: [bias.length], data: Float64Array.from(bias) }],
    ]),
  );
  return loadLinear(file);
}

describe("The linear head", () => {
  const golden = readGolden<Logistic>("logistic");
  const features = toMatrix(golden.features);
  const labels = Int32Array.from(golden.labels);
  const recipe = { ...optimum, l2: golden.l2, biasL2: 0 };

  test("arrives at scikit-learn's optimum, with its probabilities", () => {
    const head = fitLinear({ features, labels, identity: four, recipe, random: random() });
    expectWeights(head, golden, 2e-6);
    expect(largestDifference(head.probabilities(features).data, golden.probabilities.flat())).toBeLessThan(1e-6);
  });

  test("arrives at scikit-learn's optimum with balanced classes", () => {
    const skewed = Int32Array.from(golden.balanced.labels);
    const balanced: LinearRecipe = { ...recipe, classWeights: "balanced" };
    const head = fitLinear({ features, labels: skewed, identity: four, recipe: balanced, random: random() });
    expectWeights(head, golden.balanced, 2e-6);
  });

  test("arrives at SciPy's maximum a posteriori around a prior head", () => {
    const prior = headOf(golden.prior);
    const posterior = fitLinear({
      features,
      labels,
      identity: four,
      recipe: { ...optimum, l2: golden.l2 },
      random: random(),
      prior,
    });
    expectWeights(posterior, golden.posterior, 2e-6);
  });

  test.each(["sgd", "adam"] as const)("follows NumPy's trajectory of %s, batch by batch", (optimizer) => {
    const { l2, epochs, batchSize, ...rest } = readGolden<MiniBatch>("mini-batch");
    const { learningRate } = rest[optimizer];
    const head = fitLinear({
      features: toMatrix(rest.features),
      labels: Int32Array.from(rest.labels),
      identity: seven,
      recipe: { optimizer, learningRate, epochs, batchSize, l2, biasL2: 0 },
      random: unshuffled,
    });
    expectWeights(head, rest[optimizer], 1e-12);
  });

  test("by SGD comes near the optimum, the same for the same seed", () => {
    const rows = labelledRows({ rows: 200, inputSize: 6, classes: 7, seed: 3 });
    const sgd: LinearRecipe = { optimizer: "sgd", learningRate: 0.05, epochs: 300, batchSize: 32, l2: 0.05 };
    const fit = (seed: number) => fitLinear({ ...rows, identity: seven, recipe: sgd, random: createRandom(seed) });
    const best = fitLinear({ ...rows, identity: seven, recipe: { ...optimum, l2: 0.05 }, random: random() });
    expect(largestDifference(fit(1).weight, best.weight)).toBeLessThan(0.05);
    expect(fit(1).weight).toEqual(fit(1).weight);
    expect(fit(1).weight).not.toEqual(fit(2).weight);
  });

  test("stays at the prior when l2 is very large, and leaves it when l2 is small", () => {
    const prior = headOf(golden.prior);
    const fit = (l2: number) =>
      fitLinear({ features, labels, identity: four, recipe: { ...optimum, l2 }, random: random(), prior });
    expect(largestDifference(fit(1e6).weight, prior.weight)).toBeLessThan(1e-5);
    expect(largestDifference(fit(1e-3).weight, prior.weight)).toBeGreaterThan(0.5);
  });
});

describe("The linear head copes with", () => {
  const rows = labelledRows({ rows: 60, inputSize: 8, classes: 7, seed: 5 });
  const fit = (recipe: LinearRecipe, examples = rows) =>
    fitLinear({ ...examples, identity: seven, recipe, random: random() });

  test("one class only: it learns that class, with finite weights", () => {
    const head = fit(optimum, { ...rows, labels: new Int32Array(60).fill(2) });
    const predicted = predictedLabels(head.probabilities(rows.features));
    expect(new Set(predicted)).toEqual(new Set([2]));
    expect(Math.max(...head.bias.map(Math.abs))).toBeLessThan(20);
  });

  test("fewer rows than features, down to one row", () => {
    const one = { features: selectRows(rows.features, [0]), labels: rows.labels.slice(0, 1) };
    const head = fit(optimum, one);
    expect(accuracy(one.labels, predictedLabels(head.probabilities(one.features)))).toBe(1);
  });

  test("features that are copies of each other: they share the weight", () => {
    const doubled = createMatrix(60, 9);
    for (let i = 0; i < 60; i++) {
      doubled.data.set(rows.features.data.subarray(i * 8, (i + 1) * 8), i * 9);
      doubled.data[i * 9 + 8] = doubled.data[i * 9]!;
    }
    const head = fit(optimum, { features: doubled, labels: rows.labels });
    for (let c = 0; c < 7; c++) {
      expect(head.weight[c * 9]).toBeCloseTo(head.weight[c * 9 + 8]!, 4);
    }
  });

  test("features of very different sizes", () => {
    const scaled = createMatrix(
      60,
      8,
      rows.features.data.map((value, k) => value * 10 ** ((k % 8) - 4)),
    );
    const head = fit({ ...optimum, l2: 1e-4 }, { features: scaled, labels: rows.labels });
    expect(accuracy(rows.labels, predictedLabels(head.probabilities(scaled)))).toBeGreaterThan(0.8);
  });

  test("no regularisation where the classes overlap", () => {
    const { features, labels } = readGolden<Logistic>("logistic");
    const overlapping = { features: toMatrix(features), labels: Int32Array.from(labels) };
    const recipe = { ...optimum, l2: 0 };
    expect(() => fitLinear({ ...overlapping, identity: four, recipe, random: random() })).not.toThrow();
  });
});

describe("The linear head refuses", () => {
  const rows = labelledRows({ rows: 10, inputSize: 3, classes: 7, seed: 1 });
  const fit = (changes: object) =>
    fitLinear({ ...rows, identity: seven, recipe: optimum, random: random(), ...changes });

  test("NaN and infinite features, naming row and feature, when fitting and when predicting", () => {
    const features = createMatrix(10, 3, rows.features.data.slice());
    features.data[7] = Number.NaN;
    expect(() => fit({ features })).toThrow("Row 2: feature 1 is NaN");
    features.data[7] = Number.NEGATIVE_INFINITY;
    expect(() => fit({}).probabilities(features)).toThrow("Row 2: feature 1 is -Infinity");
  });

  test("no rows, labels missing or outside the classes, too few classes", () => {
    expect(() => fit({ features: createMatrix(0, 3), labels: new Int32Array(0) })).toThrow("at least one row");
    expect(() => fit({ labels: new Int32Array(9) })).toThrow("10 rows of features but 9 labels");
    expect(() => fit({ labels: new Int32Array(10).fill(7) })).toThrow("Row 0: label 7 must lie in 0..6");
    expect(() => fit({ identity: { features: "f", classes: ["a"] } })).toThrow("at least 2 classes");
    expect(() => fit({ identity: { features: "f", classes: ["a", "a"] } })).toThrow("not distinct");
  });

  test("settings outside their domain, naming them", () => {
    expect(() => fit({ recipe: { ...optimum, l2: -1 } })).toThrow("l2 is -1");
    expect(() => fit({ recipe: { ...optimum, l2: Number.NaN } })).toThrow("l2 is NaN");
    expect(() => fit({ recipe: { ...optimum, optimizer: "sgd" } })).toThrow("epochs is 0");
    expect(() => fit({ recipe: { ...optimum, optimizer: "adam", epochs: 1 } })).toThrow("batchSize is 0");
  });

  test("a learning rate that makes it diverge, rather than returning NaN", () => {
    const wild: LinearRecipe = { optimizer: "sgd", learningRate: 1e6, epochs: 2000, batchSize: 4, l2: 1 };
    expect(() => fit({ recipe: wild })).toThrow("smaller learning rate");
  });

  test("a prior of other features, other classes or another size", () => {
    const prior = fit({});
    const other = { features: "beef", classes: seven.classes };
    expect(() => fit({ prior, identity: other })).toThrow("trained on features f00d and refuses features beef");
    expect(() => fit({ prior, identity: { ...seven, classes: sevenClasses.toReversed() } })).toThrow("distinguishes");
    const wide = labelledRows({ rows: 10, inputSize: 4, classes: 7, seed: 1 });
    expect(() => fit({ ...wide, prior })).toThrow("takes 3 features a row, not 4");
  });

  test("to continue once it is asked to stop", () => {
    expect(() => fit({ signal: { aborted: true } })).toThrow("stopped");
    const sgd: LinearRecipe = { optimizer: "sgd", learningRate: 0.1, epochs: 5, batchSize: 4, l2: 0 };
    expect(() => fit({ recipe: sgd, signal: { aborted: true } })).toThrow("stopped");
  });
});

describe("Saving the linear head", () => {
  test("gives equal bytes for equal heads", () => {
    const rows = labelledRows({ rows: 30, inputSize: 4, classes: 7, seed: 1 });
    const fit = () => fitLinear({ ...rows, identity: seven, recipe: optimum, random: random() });
    expect(serializeSafetensors(fit().save())).toEqual(serializeSafetensors(fit().save()));
  });
});
