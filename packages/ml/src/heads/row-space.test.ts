import { describe, expect, test } from "vitest";
import { createMatrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { fitLinear } from "./linear.js";
import { selectPriorStrength } from "./prior.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { toRowSpace } from "./row-space.js";

const random = createRandom(5);
const [rows, cols, classes] = [12, 40, 3];
const features = createMatrix(rows, cols);
for (let i = 0; i < features.data.length; i++) features.data[i] = random.normal();
features.data.copyWithin(cols, 0, cols); // repeats a sentence
const centre = Float64Array.from({ length: classes * (cols + 1) }, () => random.normal());

describe("The rows' own space", () => {
  test("keeps the rows' products with each other and with the centre, and the biases", () => {
    const moved = toRowSpace(features, centre, referenceHeadKernels);
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>, [n, i, j]: [number, number, number]) => {
      let sum = 0;
      for (let d = 0; d < n; d++) sum += a[i + d]! * b[j + d]!;
      return sum;
    };
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < rows; j++) {
        const before = dot(features.data, features.data, [cols, i * cols, j * cols]);
        expect(dot(moved.features.data, moved.features.data, [rows, i * rows, j * rows])).toBeCloseTo(before, 4);
      }
      for (let c = 0; c < classes; c++) {
        const before = dot(features.data, centre, [cols, i * cols, c * (cols + 1)]);
        expect(dot(moved.features.data, moved.centre, [rows, i * rows, c * (rows + 1)])).toBeCloseTo(before, 4);
      }
    }
    for (let c = 0; c < classes; c++) {
      expect(moved.centre[c * (rows + 1) + rows]).toBe(centre[c * (cols + 1) + cols]);
    }
  });

  test("takes rows that are all zero", () => {
    const { features: moved, centre: own } = toRowSpace(
      createMatrix(4, 9),
      new Float64Array(20).fill(1),
      referenceHeadKernels,
    );
    expect(Array.from(own)).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect(moved.data.every(Number.isFinite)).toBe(true);
  });

  test("does not change what cross-validation chooses", () => {
    const [people, few] = [createMatrix(60, 10), createMatrix(60, 200)];
    const labels = Int32Array.from({ length: 60 }, () => random.integer(3));
    for (let i = 0; i < 60; i++) {
      for (let d = 0; d < 10; d++) {
        const value = random.normal() + (d % 3 === labels[i] ? 1 : 0);
        people.data[i * 10 + d] = value;
        few.data[i * 200 + d] = value; // the same, with 190 features that are zero
      }
    }
    const identity = { features: "any", classes: ["a", "b", "c"] };
    const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.1 } as const;
    const choices = [people, few].map((matrix) => {
      const examples = { features: matrix, labels, identity };
      const prior = fitLinear({ ...examples, recipe, random: createRandom(1) });
      return selectPriorStrength({ ...examples, prior, random: createRandom(2) });
    });
    expect(choices[1]!.scale).toBe(choices[0]!.scale);
    expect(choices[1]!.strength).toBe(choices[0]!.strength);
    expect(choices[1]!.logLoss!).toBeCloseTo(choices[0]!.logLoss!, 4);
  });
});
