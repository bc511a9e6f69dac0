import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference, readGolden, toFloat64, toMatrix } from "../../../../test/golden/heads/read.js";
import { accuracy, predictedLabels } from "../metrics/classification.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { type ElmHead, fitElm, loadElm } from "./elm.js";
import { writeHead } from "./head-file.js";
import { activate, type ElmRecipe } from "./hidden-layer.js";
import { createOselm } from "./oselm.js";
import { projectOntoSimplex } from "./simplex.js";

interface Golden {
  features: number[][];
  labels: number[];
  l2: number;
  hiddenWeight: number[][];
  hiddenBias: number[];
  prior: number[][];
  cases: Record<"sigmoid" | "tanh", { hidden: number[][]; outputWeights: number[][]; towardsPrior: number[][] }>;
}

const identity = { features: "f00d", classes: ["a", "b", "c"] };
const recipe: ElmRecipe = { hidden: 20, activation: "sigmoid", l2: 0.1, seed: 7 };

/** An ELM with the hidden layer of the golden file. */
function goldenHead(golden: Golden, activation: "sigmoid" | "tanh", outputWeights: Float64Array): ElmHead {
  const { hiddenWeight, hiddenBias, l2 } = golden;
  const tensors = new Map([
    ["hidden.weight", { dtype: "F32" as const, shape: [9, 4], data: toMatrix(hiddenWeight).data }],
    ["hidden.bias", { dtype: "F32" as const, shape: [9], data: Float32Array.from(hiddenBias) }],
    ["output.weight", { dtype: "F64" as const, shape: [3, 9], data: outputWeights }],
  ]);
  return loadElm(
    writeHead({ kind: "elm", identity, recipe: { hidden: 9, activation, l2, seed: 0 } }, new Map(tensors)),
  );
}

/**
 * The largest residual of the normal equations, with the Gram matrix formed by definition: fitElm
 * must solve these equations.
 */
function residualOfNormalEquations(head: ElmHead, features: Matrix, labels: Int32Array): number {
  const { hidden, l2 } = head.recipe;
  const h = activate(head.layer, features);
  let largest = 0;
  for (let c = 0; c < head.identity.classes.length; c++) {
    for (let j = 0; j < hidden; j++) {
      let sum = l2 * head.outputWeights[c * hidden + j]!;
      for (let i = 0; i < features.rows; i++) {
        let score = 0;
        for (let k = 0; k < hidden; k++) {
          score += head.outputWeights[c * hidden + k]! * h[i * hidden + k]!;
        }
        sum += (score - (labels[i] === c ? 1 : 0)) * h[i * hidden + j]!;
      }
      largest = Math.max(largest, Math.abs(sum));
    }
  }
  return largest;
}

describe("The ELM head", () => {
  const golden = readGolden<Golden>("elm");
  const features = toMatrix(golden.features);
  const labels = Int32Array.from(golden.labels);

  test.each(["sigmoid", "tanh"] as const)("with %s units has NumPy's hidden outputs", (activation) => {
    const { layer } = goldenHead(golden, activation, new Float64Array(27));
    expect(largestDifference(activate(layer, features), golden.cases[activation].hidden.flat())).toBe(0);
  });

  test.each(["sigmoid", "tanh"] as const)("with %s units has scikit-learn's ridge solution", (activation) => {
    const head = createOselm({
      identity,
      inputSize: 4,
      recipe: { hidden: 9, activation, l2: golden.l2, seed: 0 },
      prior: goldenHead(golden, activation, new Float64Array(27)),
    });
    head.update(features, labels);
    expect(largestDifference(head.outputWeights, golden.cases[activation].outputWeights.flat())).toBeLessThan(1e-11);
  });

  test.each(["sigmoid", "tanh"] as const)("with %s units is drawn to a prior as NumPy solves it", (activation) => {
    const prior = goldenHead(golden, activation, toFloat64(golden.prior));
    const head = createOselm({ identity, inputSize: 4, recipe: prior.recipe, prior });
    head.update(features, labels);
    expect(largestDifference(head.outputWeights, golden.cases[activation].towardsPrior.flat())).toBeLessThan(1e-11);
  });

  test.each([1, 19, 20, 21, 600])("satisfies the normal equations for %i rows and 20 hidden units", (rows) => {
    const examples = labelledRows({ rows, inputSize: 5, classes: 3, seed: rows });
    const head = fitElm({ ...examples, identity, recipe });
    expect(residualOfNormalEquations(head, examples.features, examples.labels)).toBeLessThan(1e-10 * rows + 1e-12);
  });

  test("gives probabilities, and learns what it is shown", () => {
    const examples = labelledRows({ rows: 300, inputSize: 5, classes: 3, seed: 1, apart: 2 });
    const probabilities = fitElm({ ...examples, identity, recipe }).probabilities(examples.features);
    for (let i = 0; i < 300; i++) {
      const three = probabilities.data.subarray(3 * i, 3 * i + 3);
      expect(Math.min(...three)).toBeGreaterThanOrEqual(0);
      expect(three[0]! + three[1]! + three[2]!).toBeCloseTo(1, 6);
    }
    expect(accuracy(examples.labels, predictedLabels(probabilities))).toBeGreaterThan(0.9);
  });

  test("without regularisation works while rows suffice, and says singular when they do not", () => {
    const unregularised = { ...recipe, l2: 0 };
    const enough = labelledRows({ rows: 200, inputSize: 25, classes: 3, seed: 2 });
    expect(() => fitElm({ ...enough, identity, recipe: unregularised })).not.toThrow();
    for (const rows of [1, 10, 19]) {
      const few = labelledRows({ rows, inputSize: 25, classes: 3, seed: 3 });
      expect(() => fitElm({ ...few, identity, recipe: unregularised })).toThrow("singular");
    }
    const same = { features: createMatrix(100, 5, new Float32Array(500).fill(1)), labels: new Int32Array(100) };
    expect(() => fitElm({ ...same, identity, recipe: unregularised })).toThrow("singular");
  });

  test("refuses NaN, and settings outside their domain by their name", () => {
    const examples = labelledRows({ rows: 5, inputSize: 2, classes: 3, seed: 1 });
    const bad = createMatrix(1, 2, Float32Array.of(0, Number.NaN));
    expect(() => fitElm({ features: bad, labels: new Int32Array(1), identity, recipe })).toThrow("Row 0: feature 1");
    expect(() => fitElm({ ...examples, identity, recipe: { ...recipe, hidden: 0 } })).toThrow("hidden is 0");
    expect(() => fitElm({ ...examples, identity, recipe: { ...recipe, l2: Number.NaN } })).toThrow("l2 is NaN");
    expect(() => fitElm({ ...examples, identity, recipe: { ...recipe, seed: 0.5 } })).toThrow("seed is 0.5");
  });
});

describe("Projection onto the simplex", () => {
  test.each([
    [
      [0.2, 0.3, 0.5],
      [0.2, 0.3, 0.5],
    ],
    [
      [0, 0, 0],
      [1 / 3, 1 / 3, 1 / 3],
    ],
    [
      [2, 0, 0],
      [1, 0, 0],
    ],
    [
      [0.6, 0.6, -1],
      [0.5, 0.5, 0],
    ],
    [
      [-5, -5, -4.5],
      [0.25 - 1 / 12, 0.25 - 1 / 12, 0.5 + 1 / 6],
    ],
  ])("of %j is %j", (scores, expected) => {
    const projected = Float64Array.from(scores);
    projectOntoSimplex(projected);
    expect(largestDifference(projected, expected)).toBeLessThan(1e-12);
  });
});
