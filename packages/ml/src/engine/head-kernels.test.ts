import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { descend } from "../heads/mini-batch.js";
import { createDesign } from "../heads/softmax.js";
import { createRankOneScratch, factorize, rankOneUpdate, solveInPlace } from "../linalg/cholesky.js";
import { addGram } from "../linalg/gram.js";
import { createMatrix } from "../tensor/matrix.js";
import { createRandom, type Random } from "../tensor/random.js";
import { createHeadKernels } from "./head-kernels.js";

const kernels = createHeadKernels(readFileSync(new URL("../../kernels/attune-simd128.wasm", import.meta.url)));
const normals = (random: Random, length: number) => Float64Array.from({ length }, () => random.normal());

function expectClose(actual: Float64Array, expected: Float64Array, relative: number): void {
  expect(actual.length).toBe(expected.length);
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of expected.entries()) {
    if (!(Math.abs(actual[i]! - value) <= relative * size)) expect([i, actual[i]]).toEqual([i, value]);
  }
}

function descent(shape: {
  rows: number;
  features: number;
  classes: number;
  optimizer: "sgd" | "adam";
  epochs: number;
}) {
  const random = createRandom(shape.rows + shape.features);
  const data = Float32Array.from({ length: shape.rows * shape.features }, () => random.normal());
  const labels = Int32Array.from({ length: shape.rows }, () => random.integer(shape.classes));
  const features = createMatrix(shape.rows, shape.features, data);
  const design = createDesign(features, labels, { classes: shape.classes, classWeights: "balanced" });
  const centre = normals(random, shape.classes * design.width).map((value) => 0.1 * value);
  return {
    design,
    penalty: { centre, l2: 1e-3, biasL2: 1e-4 },
    recipe: { optimizer: shape.optimizer, learningRate: 0.01, epochs: shape.epochs, batchSize: 64 },
    random: createRandom(5),
    onEpoch: () => undefined,
  };
}

describe("mini-batch descent", () => {
  const shapes = [
    { rows: 200, features: 32, classes: 7 },
    { rows: 77, features: 5, classes: 2 },
    { rows: 1, features: 1, classes: 3 },
    { rows: 65, features: 31, classes: 8 },
    { rows: 130, features: 64, classes: 19 },
  ];
  test.each(
    shapes.flatMap((shape) => (["sgd", "adam"] as const).map((optimizer) => ({ ...shape, optimizer, epochs: 100 }))),
  )("learns the twin's weights: %o", (shape) => {
    expectClose(kernels.descend(descent(shape)), descend(descent(shape)), 1e-4);
  });

  test("stops between epochs when asked to", () => {
    const given = descent({ rows: 20, features: 3, classes: 2, optimizer: "sgd", epochs: 5 });
    const onEpoch = () => {
      throw new Error("enough");
    };
    expect(() => kernels.descend({ ...given, onEpoch })).toThrow("enough");
  });

  test("refuses to return weights that diverged", () => {
    const given = descent({ rows: 20, features: 3, classes: 2, optimizer: "sgd", epochs: 100 });
    const recipe = { ...given.recipe, learningRate: 1e30 };
    expect(() => kernels.descend({ ...given, recipe })).toThrow("smaller learning rate");
  });
});

test.each([1, 2, 3, 4, 5, 7, 8, 30, 65])("a Gram matrix of %d columns is the twin's", (size) => {
  for (const rows of [1, 2, 9, 100]) {
    const x = normals(createRandom(size), rows * size);
    const expected = new Float64Array(size * size);
    addGram(expected, x, size);
    const actual = kernels.gram(x, size);
    // Only the upper triangle is defined.
    for (let i = 0; i < size; i++) actual.fill(0, i * size, i * size + i);
    expectClose(actual, expected, 1e-13);
  }
});

test.each([1, 2, 3, 5, 8, 33, 64, 200])("factors of size %d solve, and stay current, as the twin's", (size) => {
  const random = createRandom(size);
  const matrix = kernels.gram(normals(random, 2 * size * size), size);
  const twin = factorize(matrix, size, 0.5);
  const factor = kernels.factor(matrix, size, 0.5);
  const scratch = createRankOneScratch(size);
  for (let i = 0; i < 20; i++) {
    const v = normals(random, size);
    rankOneUpdate(twin, v, scratch);
    factor.rankOne(v, 1);
  }
  const gone = normals(random, size);
  rankOneUpdate(twin, gone, scratch);
  factor.rankOne(gone, 1);
  const rhs = normals(random, 20 * size);
  const both = rhs.slice();
  solveInPlace(twin, rhs);
  factor.solveInPlace(both);
  expectClose(both, rhs, 1e-10);
  // What was added can be taken away again.
  const before = factorize(matrix, size, 0.5);
  const again = kernels.factor(matrix, size, 0.5);
  again.rankOne(gone, 1);
  again.rankOne(gone, -1);
  const x = normals(random, size);
  const y = x.slice();
  solveInPlace(before, x);
  again.solveInPlace(y);
  expectClose(y, x, 1e-9);
});

test("a singular matrix, and one of another size, are refused", () => {
  expect(() => kernels.factor(new Float64Array(9), 3)).toThrow("singular");
  expect(() => kernels.factor(Float64Array.of(Number.NaN), 1)).toThrow("singular");
  expect(() => kernels.factor(new Float64Array(8), 3)).toThrow("needs 9 values");
  expect(() => kernels.gram(new Float64Array(8), 3)).toThrow("no rows of 3");
});
