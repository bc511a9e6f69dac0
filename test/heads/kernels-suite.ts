// The tests of every implementation of the head kernels: the twins' numbers on random, odd and
// extreme shapes, and refusals.

import { fitElm } from "@attune/ml/heads/elm";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { createHiddenLayer } from "@attune/ml/heads/hidden-layer";
import { fitLinear } from "@attune/ml/heads/linear";
import { createOselm } from "@attune/ml/heads/oselm";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import { referenceHeadKernels as twin } from "@attune/ml/heads/reference-head-kernels";
import { createDesign } from "@attune/ml/heads/softmax";
import { createMatrix, type Matrix, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom, type Random } from "@attune/ml/tensor/random";
import { describe, expect, test } from "vitest";
import { testAscent } from "./ascent-suite.js";

const normals = (random: Random, length: number) => Float64Array.from({ length }, () => random.normal());

type Numbers = Float64Array | Float32Array;

/** Expects differences within `relative` of the largest number's size. */
function expectClose(actual: Numbers, expected: Numbers, relative: number): void {
  expect(actual.length).toBe(expected.length);
  let size = 0;
  for (const value of expected) size = Math.max(size, Math.abs(value));
  for (const [i, value] of expected.entries()) {
    if (!(Math.abs(actual[i]! - value) <= relative * size)) expect([i, actual[i]]).toEqual([i, value]);
  }
}

interface Shape {
  readonly rows: number;
  readonly features: number;
  readonly classes: number;
}

function rowsOf({ rows, features, classes }: Shape, scale = 1): { features: Matrix; labels: Int32Array } {
  const random = createRandom(rows + 1000 * features);
  const data = Float32Array.from({ length: rows * features }, () => scale * random.normal());
  const labels = Int32Array.from({ length: rows }, () => random.integer(classes));
  return { features: createMatrix(rows, features, data), labels };
}

const shapes: readonly Shape[] = [
  { rows: 200, features: 32, classes: 7 },
  { rows: 77, features: 5, classes: 2 },
  { rows: 1, features: 1, classes: 3 },
  { rows: 3, features: 2, classes: 1 },
  { rows: 65, features: 31, classes: 8 },
  { rows: 33, features: 100, classes: 9 },
  { rows: 130, features: 64, classes: 19 },
];

const identityOf = (classes: number) => ({
  features: "rows of the suite",
  classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
});

export function testHeadKernels(name: string, kernels: HeadKernels): void {
  describe(`mini-batch descent (${name})`, { timeout: 120_000 }, () => testDescent(kernels));
  describe(`softmax regression (${name})`, { timeout: 120_000 }, () => testSoftmax(kernels));
  describe(`Gram matrices and factors (${name})`, { timeout: 120_000 }, () => testLinearAlgebra(kernels));
  describe(`ELM and OSELM (${name})`, { timeout: 120_000 }, () => testElm(kernels));
  describe(`projections (${name})`, { timeout: 120_000 }, () => testProjection(kernels));
  describe(`online heads (${name})`, { timeout: 120_000 }, () => testAscent(kernels));
}

function testDescent(kernels: HeadKernels): void {
  function descent(shape: Shape, optimizer: "sgd" | "adam", scale = 1) {
    const { features, labels } = rowsOf(shape, scale);
    const { classes } = shape;
    const design = createDesign(features, labels, { classes, classWeights: "balanced" });
    const centre = normals(createRandom(4), classes * design.width).map((value) => 0.1 * value);
    return {
      design,
      penalty: { centre, l2: 1e-3, biasL2: 1e-4 },
      recipe: { optimizer, learningRate: 0.01, epochs: 30, batchSize: 64 },
      random: createRandom(5),
      onEpoch: () => undefined,
    };
  }

  test.each(shapes.flatMap((shape) => (["sgd", "adam"] as const).map((optimizer) => ({ ...shape, optimizer }))))(
    "learns the twin's weights: %o",
    ({ optimizer, ...shape }) => {
      expectClose(kernels.descend(descent(shape, optimizer)), twin.descend(descent(shape, optimizer)), 1e-4);
    },
  );

  test("learns the twin's from features so large that scores pass the range of an exponential", () => {
    // The steps are so small that rounding does not decide their outcome.
    const [actual, expected] = [kernels, twin].map((each) => {
      const given = descent(shapes[0]!, "sgd", 300);
      return each.descend({ ...given, recipe: { ...given.recipe, learningRate: 1e-7 } });
    });
    expectClose(actual!, expected!, 1e-4);
  });

  test("keeps its starting point on features that are denormal", () => {
    expectClose(
      kernels.descend(descent(shapes[0]!, "sgd", 1e-41)),
      twin.descend(descent(shapes[0]!, "sgd", 1e-41)),
      1e-5,
    );
  });

  test("stops between epochs when asked to", () => {
    const onEpoch = () => {
      throw new Error("enough");
    };
    expect(() => kernels.descend({ ...descent(shapes[1]!, "sgd"), onEpoch })).toThrow("enough");
  });

  test.each([1e30, 1e300])("refuses to return weights that diverged at a learning rate of %d", (learningRate) => {
    const given = descent(shapes[1]!, "sgd");
    expect(() => kernels.descend({ ...given, recipe: { ...given.recipe, learningRate } })).toThrow("learning rate");
  });

  test("refuses features that are not numbers", () => {
    const given = descent(shapes[1]!, "sgd");
    given.design.x[7] = Number.NaN;
    expect(() => kernels.descend(given)).toThrow("learning rate");
  });
}

function testSoftmax(kernels: HeadKernels): void {
  function evaluate(each: HeadKernels, shape: Shape, scale: number): { loss: number; gradient: Float64Array } {
    const { features, labels } = rowsOf(shape);
    const design = createDesign(features, labels, { classes: shape.classes, classWeights: "balanced" });
    const weights = normals(createRandom(8), shape.classes * design.width).map((value) => scale * value);
    const gradient = new Float64Array(weights.length).fill(9);
    const open = each.openRows(design);
    open.crossEntropy(new Float64Array(weights.length), gradient);
    const loss = open.crossEntropy(weights, gradient);
    open.close();
    return { loss, gradient };
  }

  test.each(shapes.flatMap((shape) => [0, 0.3, 300].map((scale) => ({ ...shape, scale }))))(
    "has the twin's loss and gradient: %o",
    ({ scale, ...shape }) => {
      const [actual, expected] = [evaluate(kernels, shape, scale), evaluate(twin, shape, scale)];
      expectClose(Float64Array.of(actual.loss), Float64Array.of(expected.loss), 1e-13);
      expect(Math.abs(actual.loss - expected.loss)).toBeLessThan(1e-12 * (1 + expected.loss));
      // A decided softmax leaves only rounding, of the rows' size, in the gradient.
      for (const [k, value] of expected.gradient.entries()) {
        expect(Math.abs(actual.gradient[k]! - value)).toBeLessThan(1e-10 * shape.rows);
      }
    },
  );

  test("at weights that are not numbers the loss is not a number", () => {
    expect(evaluate(kernels, shapes[0]!, Number.NaN).loss).toBeNaN();
    expect(evaluate(kernels, shapes[0]!, 1e308).loss).not.toBeLessThan(Number.POSITIVE_INFINITY);
  });

  test.each(shapes)("has the twin's second moments: %o", (shape) => {
    const { features, labels } = rowsOf(shape);
    const design = createDesign(features, labels, { classes: shape.classes, classWeights: "balanced" });
    expectClose(upperOf(kernels.secondMoments(design)), upperOf(twin.secondMoments(design)), 1e-13);
  });

  test.each(shapes)("gives the twin's probabilities: %o", (shape) => {
    const { features } = rowsOf(shape);
    const weights = {
      weight: normals(createRandom(2), shape.classes * shape.features),
      bias: normals(createRandom(3), shape.classes),
    };
    const [actual, expected] = [kernels.softmax(features, weights), twin.softmax(features, weights)];
    expect([actual.rows, actual.cols]).toEqual([expected.rows, expected.cols]);
    expectClose(actual.data, expected.data, 2e-7);
    expect(kernels.softmax(createMatrix(0, shape.features), weights).data.length).toBe(0);
  });

  test.each(shapes.filter(({ classes }) => classes > 1))(
    "arrives at the twin's optimum: %o",
    ({ classes, ...shape }) => {
      const rows = { ...rowsOf({ ...shape, classes }), identity: identityOf(classes) };
      const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.01 } as const;
      const [actual, expected] = [kernels, twin].map((each) =>
        fitLinear({ ...rows, recipe, random: createRandom(1), kernels: each }),
      );
      // Both stop at a gradient of 1e-7; l2 turns this into a difference of the weights of this size.
      expectClose(actual!.weight, expected!.weight, 1e-5);
      expectClose(actual!.bias, expected!.bias, 1e-5);
      expectClose(actual!.probabilities(rows.features).data, expected!.probabilities(rows.features).data, 1e-6);
    },
  );

  test("a personal head is the twin's, and forgetting a row is never having heard it", () => {
    const identity = identityOf(4);
    const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.01 } as const;
    const others = { ...rowsOf({ rows: 300, features: 20, classes: 4 }), identity };
    const own = rowsOf({ rows: 60, features: 20, classes: 4 });
    const kept = Int32Array.from({ length: 59 }, (_, i) => (i < 30 ? i : i + 1));
    const left = { features: selectRows(own.features, kept), labels: kept.map((i) => own.labels[i]!), identity };
    function personal(each: HeadKernels) {
      const prior = fitLinear({ ...others, recipe, random: createRandom(1), kernels: each });
      const chosen = selectPriorStrength({ ...left, prior, random: createRandom(2), kernels: each });
      const fit = { ...left, recipe: chosen.recipe, prior, random: createRandom(3), kernels: each };
      return { trust: [chosen.scale, chosen.strength], head: fitLinear(fit), again: fitLinear(fit) };
    }
    const [actual, expected] = [personal(kernels), personal(twin)];
    expect(actual.trust).toEqual(expected.trust);
    expectClose(actual.head.weight, expected.head.weight, 1e-6);
    expect(actual.again.weight).toEqual(actual.head.weight);
  });
}

function upperOf(matrix: Float64Array): Float64Array {
  const size = Math.sqrt(matrix.length);
  return matrix.map((value, k) => (k % size >= Math.floor(k / size) ? value : 0));
}

function testLinearAlgebra(kernels: HeadKernels): void {
  test.each([1, 2, 3, 4, 5, 7, 8, 30, 65])("a Gram matrix of %d columns is the twin's", (size) => {
    for (const rows of [1, 2, 9, 100]) {
      const x = normals(createRandom(size), rows * size);
      expectClose(upperOf(kernels.gram(x, size)), upperOf(twin.gram(x, size)), 1e-13);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 33, 64, 201])("a factor of size %d solves as the twin's", (size) => {
    const random = createRandom(size);
    const matrix = twin.gram(normals(random, 2 * size * size), size);
    const [factor, reference] = [kernels.factorize(matrix, size, 0.5), twin.factorize(matrix, size, 0.5)];
    for (const count of [1, 3, 7, 8, 9, 20]) {
      const rhs = normals(random, count * size);
      const both = rhs.slice();
      factor.solveInPlace(both);
      reference.solveInPlace(rhs);
      expectClose(both, rhs, 1e-10);
    }
  });

  test("singular matrices, and those of another size, are refused", () => {
    expect(() => kernels.factorize(new Float64Array(9), 3)).toThrow("singular");
    expect(() => kernels.factorize(Float64Array.of(Number.NaN), 1)).toThrow("singular");
    expect(() => kernels.factorize(Float64Array.of(Number.POSITIVE_INFINITY), 1)).toThrow("singular");
    expect(() => kernels.factorize(Float64Array.of(1, Number.NaN, 0, 1), 2)).toThrow("singular");
    expect(() => kernels.factorize(new Float64Array(8), 3)).toThrow("needs 9 values");
    expect(() => kernels.gram(new Float64Array(8), 3)).toThrow("no rows of 3");
  });

  test("tiny and huge numbers solve as well", () => {
    for (const scale of [1e-150, 1e150]) {
      const matrix = twin.gram(normals(createRandom(1), 50), 5).map((value) => value * scale);
      const rhs = normals(createRandom(2), 5);
      const expected = rhs.slice();
      kernels.factorize(matrix, 5).solveInPlace(rhs);
      twin.factorize(matrix, 5).solveInPlace(expected);
      expectClose(rhs, expected, 1e-10);
    }
  });
}

function testElm(kernels: HeadKernels): void {
  const activations = ["sigmoid", "tanh"] as const;
  const hiddens = [1, 7, 8, 33, 100];
  const cases = activations.flatMap((activation) => hiddens.map((hidden) => ({ activation, hidden })));

  test.each(cases)("sums over hidden outputs are the twin's to the last bit: %o", (recipe) => {
    for (const [rows, scale] of [
      [1, 1],
      [2, 30],
      [70, 1],
      [131, 1e-40],
    ] as const) {
      const given = rowsOf({ rows, features: 13, classes: 3 }, scale);
      const layer = createHiddenLayer({ ...recipe, l2: 1, seed: 3 }, 13);
      const [actual, expected] = [kernels, twin].map((each) => each.elmSums(layer, { ...given, classes: 3 }));
      expect(upperOf(actual!.gram)).toEqual(upperOf(expected!.gram));
      expect(actual!.moments).toEqual(expected!.moments);
    }
  });

  test.each(cases)("an ELM answers as the twin: %o", (recipe) => {
    const rows = rowsOf({ rows: 150, features: 13, classes: 5 });
    const fit = { ...rows, identity: identityOf(5), recipe: { ...recipe, l2: 0.5, seed: 2 } };
    const [actual, expected] = [fitElm({ ...fit, kernels }), fitElm(fit)];
    expectClose(actual.outputWeights, expected.outputWeights, 1e-9);
    expectClose(actual.probabilities(rows.features).data, expected.probabilities(rows.features).data, 1e-6);
  });

  test.each(cases)("an OSELM learns and forgets row by row as the twin: %o", (recipe) => {
    const identity = identityOf(5);
    const rows = rowsOf({ rows: 160, features: 13, classes: 5 });
    const part = (start: number, end: number) => {
      const chosen = Int32Array.from({ length: end - start }, (_, i) => start + i);
      return [selectRows(rows.features, chosen), rows.labels.slice(start, end)] as const;
    };
    const [actual, expected] = [kernels, twin].map((each) => {
      const head = createOselm({ identity, inputSize: 13, recipe: { ...recipe, l2: 0.5, seed: 2 }, kernels: each });
      head.update(...part(0, 100));
      return head;
    });
    const both = [actual!, expected!];
    expectClose(actual!.outputWeights, expected!.outputWeights, 1e-9);
    for (let i = 100; i < 160; i++) {
      for (const head of both) head.update(...part(i, i + 1));
      expectClose(actual!.outputWeights, expected!.outputWeights, 1e-9);
    }
    for (let i = 0; i < 40; i += 2) {
      for (const head of both) head.forget(...part(i, i + 2));
      expectClose(actual!.outputWeights, expected!.outputWeights, 1e-9);
    }
    // The files agree to the last bit, so one engine can resume where another stopped.
    expect(actual!.save()).toEqual(expected!.save());
    const onlyKept = createOselm({ identity, inputSize: 13, recipe: { ...recipe, l2: 0.5, seed: 2 }, kernels });
    onlyKept.update(...part(40, 160));
    expect(actual!.save()).toEqual(onlyKept.save());
    expectClose(actual!.outputWeights, onlyKept.outputWeights, 1e-9);
  });

  test("an ill-posed downdate is solved for from the sums", () => {
    const rows = rowsOf({ rows: 2, features: 4, classes: 2 });
    const recipe = { hidden: 20, activation: "tanh", l2: 1e-9, seed: 1 } as const;
    const head = createOselm({ identity: identityOf(2), inputSize: 4, recipe, kernels });
    head.update(rows.features, rows.labels);
    expect(head.outputWeights.some((value) => value !== 0)).toBe(true);
    const first = [selectRows(rows.features, Int32Array.of(0)), rows.labels.slice(0, 1)] as const;
    const second = [selectRows(rows.features, Int32Array.of(1)), rows.labels.slice(1)] as const;
    head.forget(...first);
    const only = createOselm({ identity: identityOf(2), inputSize: 4, recipe, kernels });
    only.update(...second);
    expect(head.outputWeights).toEqual(only.outputWeights);
  });

  test("rows that are not finite are refused, and nothing is learned", () => {
    const recipe = { hidden: 20, activation: "tanh", l2: 1, seed: 1 } as const;
    const head = createOselm({ identity: identityOf(2), inputSize: 4, recipe, kernels });
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const features = createMatrix(1, 4, Float32Array.of(0, 0, bad, 0));
      expect(() => head.update(features, Int32Array.of(0))).toThrow("feature 2");
    }
    expect(head.count).toBe(0);
    expect(() => head.probabilities(createMatrix(1, 4, new Float32Array(4).fill(3e38)))).not.toThrow();
  });
}

function testProjection(kernels: HeadKernels): void {
  test.each([
    [1, 1, 1],
    [5, 7, 3],
    [20, 33, 9],
    [9, 64, 64],
  ])("of %d rows from %d to %d features is the twin's", (n, d, k) => {
    const { features } = rowsOf({ rows: n, features: d, classes: 1 });
    const random = createRandom(6);
    const mean = normals(random, d);
    const scale = normals(random, d).map((value) => 0.1 + Math.abs(value));
    const components = createMatrix(
      k,
      d,
      Float32Array.from({ length: k * d }, () => random.normal()),
    );
    for (const projection of [
      { mean, scale },
      { mean, scale, components },
    ]) {
      const [actual, expected] = [kernels, twin].map((each) => each.project(projection, features));
      expect([actual!.rows, actual!.cols]).toEqual([expected!.rows, expected!.cols]);
      expectClose(actual!.data, expected!.data, 2e-7);
    }
  });
}
