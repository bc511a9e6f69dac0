import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../test/golden/heads/labelled-rows.js";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createMatrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { fitLinear, type LinearHead, type LinearRecipe, loadLinear } from "./linear.js";
import { growWeights, reachOf, shrinkWeights, stretchRows } from "./reach.js";

const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
const recipe: LinearRecipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.05, biasL2: 0.01 };
const rows = labelledRows({ rows: 60, inputSize: 6, classes: 4, seed: 4 });
const random = () => createRandom(1);

/** A prior that uses each feature as much as `use` says. */
function priorOf(use: readonly number[]): LinearHead {
  const some = fitLinear({ ...rows, identity, recipe, random: random() });
  const weight = some.weight.map((_, k) => (k < use.length ? 1 : -1) * use[k % use.length]!);
  return { ...some, weight, bias: new Float64Array(4) };
}

describe("The reach of a person's weights", () => {
  test("is the root mean square of the prior's weights of a feature, floored, 1 for the usual use", () => {
    // Two classes, three features: the mean squares are 5, 0 and 1, and their mean weighted by themselves is 26 / 6.
    const reach = reachOf(Float64Array.of(3, 0, 1, -1, 0, 1), 3);
    const squares = [5, 0, 1].map((square) => expect.closeTo((0.95 * 6 * square) / 26 + 0.05, 12));
    expect([...reach].map((r) => r * r)).toEqual(squares);
    expect([...reachOf(Float64Array.of(3, 3, -3, 3), 2)]).toEqual([1, 1]);
    expect([...reachOf(new Float64Array(8), 4)]).toEqual([1, 1, 1, 1]);
  });

  test("does not depend on the size of the prior's weights", () => {
    const { weight } = priorOf([1, 2, 0.5, 3, 0, 1]);
    const bigger = weight.map((w) => 1e3 * w);
    expect(largestDifference(reachOf(bigger, 6), reachOf(weight, 6))).toBeLessThan(1e-12);
  });

  test("leaves scores alone when rows are stretched and weights shrunk, and goes back", () => {
    const reach = Float64Array.of(2, 0.5);
    const stretched = stretchRows(createMatrix(1, 2, Float32Array.of(3, 8)), reach);
    expect([...stretched.data]).toEqual([6, 4]);
    const weights = Float64Array.of(1, 1, 7, -4, 2, 9);
    expect([...shrinkWeights(weights.slice(), reach)]).toEqual([0.5, 2, 7, -2, 4, 9]);
    expect([...growWeights(shrinkWeights(weights.slice(), reach), reach)]).toEqual([...weights]);
  });

  test("makes of a fit the optimum of the penalty l2/2 Σ (w_d - s w0_d)² / r_d²", () => {
    const prior = priorOf([1, 2, 0.5, 3, 0, 1]);
    const reach = reachOf(prior.weight, 6);
    const chosen: LinearRecipe = { ...recipe, priorScale: 0.5, reach: "prior" };
    const head = fitLinear({ ...rows, identity, recipe: chosen, prior, random: random() });
    const probabilities = head.probabilities(rows.features);
    for (let c = 0; c < 4; c++) {
      for (let d = 0; d < 6; d++) {
        let gradient = (recipe.l2 * (head.weight[c * 6 + d]! - 0.5 * prior.weight[c * 6 + d]!)) / reach[d]! ** 2;
        for (let i = 0; i < 60; i++) {
          const residual = probabilities.data[i * 4 + c]! - (rows.labels[i] === c ? 1 : 0);
          gradient += (residual * rows.features.data[i * 6 + d]!) / 60;
        }
        expect(Math.abs(gradient)).toBeLessThan(1e-5);
      }
    }
  });

  test("is even for a prior that uses all features alike, and is kept with the head", () => {
    const prior = priorOf([1, 1, 1, 1, 1, 1]);
    const fit = (reach: "even" | "prior") =>
      fitLinear({ ...rows, identity, recipe: { ...recipe, reach }, prior, random: random() });
    expect(largestDifference(fit("prior").weight, fit("even").weight)).toBeLessThan(1e-6);
    expect(loadLinear(fit("prior").save()).recipe.reach).toBe("prior");
  });
});

describe("Weights of rows", () => {
  const fit = (importance?: Float64Array) =>
    fitLinear({ ...rows, identity, recipe, random: random(), ...(importance === undefined ? {} : { importance }) });

  test("count a row as often as they say, whatever their unit", () => {
    const twice = { features: createMatrix(61, 6), labels: Int32Array.from([...rows.labels, rows.labels[0]!]) };
    twice.features.data.set(rows.features.data);
    twice.features.data.set(rows.features.data.subarray(0, 6), 360);
    const importance = new Float64Array(60).fill(5);
    importance[0] = 10;
    const repeated = fitLinear({ ...twice, identity, recipe, random: random() });
    expect(largestDifference(fit(importance).weight, repeated.weight)).toBeLessThan(1e-5);
    expect(largestDifference(fit(new Float64Array(60).fill(3)).weight, fit().weight)).toBeLessThan(1e-9);
  });

  test("are refused when they are too few, negative or all zero", () => {
    expect(() => fit(new Float64Array(59).fill(1))).toThrow("60 rows of features but 59 weights of rows");
    expect(() => fit(new Float64Array(60).fill(-1))).toThrow("Row 0: its weight is -1");
    expect(() => fit(new Float64Array(60))).toThrow("all zero");
  });
});
