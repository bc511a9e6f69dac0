// The tests of every implementation of an online head's visits: the twin's shares and sums on odd and extreme rows, and
// the twin's mixture.

import type { AscentRow, HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear } from "@attune/ml/heads/linear";
import { referenceHeadKernels as twin } from "@attune/ml/heads/reference-head-kernels";
import { linearExperts } from "@attune/ml/online/experts";
import { createPersonMixture, type PersonMixture } from "@attune/ml/online/person-mixture";
import { createMatrix, row } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { expect, test } from "vitest";
import { largestDifference } from "../golden/heads/read.js";

interface Shape {
  readonly size: number;
  readonly classes: number;
}

const shapes: readonly Shape[] = [1, 3, 767].flatMap((size) => [1, 2, 7, 28].map((classes) => ({ size, classes })));

type Draw = (random: ReturnType<typeof createRandom>) => number;
const kinds: readonly [string, Draw][] = [
  ["normal features", (random) => random.normal()],
  ["constant features", () => 0.25],
  ["features of zero", () => 0],
  ["huge features", (random) => 1e30 * random.normal()],
  ["denormal features", (random) => 1e-41 * random.normal()],
];

function rowsOf({ size, classes }: Shape, draw: Draw, count = 40): AscentRow[] {
  const random = createRandom(size + classes);
  return Array.from({ length: count }, () => {
    const features = Float32Array.from({ length: size }, () => draw(random));
    return {
      features,
      label: random.integer(classes),
      offsets: Float64Array.from({ length: classes }, () => 2 * random.normal()),
      square: features.reduce((sum, x, d) => sum + x * x * variance(d), 0),
      residual: new Float64Array(classes),
    };
  });
}

const variance = (d: number) => 0.05 + (d % 5) / 3;

/** More visits than one call takes; some rows come twice in a row, and some not at all. */
function visitAll(kernels: HeadKernels, { size, classes }: Shape, rows: readonly AscentRow[]) {
  const squares = rows.reduce((sum, { square }) => sum + square, 0);
  const step = {
    importance: Float64Array.from({ length: classes }, (_, c) => 0.5 + c / classes),
    perLambda: squares > 0 ? rows.length / (0.57 * squares) : 1,
    perBias: 1 / 30,
  };
  const random = createRandom(3);
  const order = Array.from({ length: 150 }, () => rows[random.integer(rows.length)]!);
  const ascent = kernels.openAscent(
    Float64Array.from({ length: size }, (_, d) => variance(d)),
    classes,
  );
  const largest = [order, [], order.slice(0, 9), [order[0]!, order[0]!]].map((visits) => ascent.visit(visits, step));
  const shares = Float64Array.from(rows.flatMap(({ residual }) => [...residual]));
  return { largest: Float64Array.from(largest), shares, ...ascent, perLambda: step.perLambda };
}

export function testAscent(kernels: HeadKernels): void {
  test.each(kinds.flatMap(([kind, draw]) => shapes.map((shape) => ({ kind, draw, ...shape }))))(
    "visits lead to the twin's shares and sums: $kind, $size of them, $classes classes",
    ({ draw, ...shape }) => {
      const [actual, expected] = [kernels, twin].map((each) => visitAll(each, shape, rowsOf(shape, draw)));
      expect(largestDifference(actual!.largest, expected!.largest)).toBeLessThan(1e-9);
      expect(largestDifference(actual!.shares, expected!.shares)).toBeLessThan(1e-9);
      expect(largestDifference(actual!.biasSums, expected!.biasSums)).toBeLessThan(1e-9);
      const size = expected!.sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largestDifference(actual!.sums, expected!.sums)).toBeLessThanOrEqual(1e-9 * size);
    },
  );

  test.each([
    { size: 1, classes: 2 },
    { size: 3, classes: 28 },
    { size: 767, classes: 7 },
  ])("a person's mixture answers as the twin's at each label, and at its optimum: %o", (shape) => {
    const rows = rowsOf(shape, (random) => random.normal(), 60);
    const [actual, expected] = [kernels, twin].map((each) => mixtureOf(shape, rows, each));
    for (const [i, { features, label }] of rows.entries()) {
      for (const each of [actual!, expected!]) {
        each.learn(`${i}`, features, label);
        if (i % 7 === 3) each.relabel(`${i - 1}`, 0);
        if (i % 11 === 5) each.forget(`${i - 2}`);
      }
      expectEqual(actual!, expected!, features);
    }
    for (const each of [actual!, expected!]) for (let turn = 0; turn < 300 && each.sweep() > 1e-9; turn++);
    for (const { features } of rows.slice(0, 9)) expectEqual(actual!, expected!, features);
  });
}

function expectEqual(actual: PersonMixture, expected: PersonMixture, features: Float32Array): void {
  const [one, other] = [actual, expected].map((each) => each.probabilities(createMatrix(1, features.length, features)));
  expect(largestDifference(one!.data, other!.data)).toBeLessThan(1e-6);
  expect(
    largestDifference(Float64Array.from(actual.mixture.weights), Float64Array.from(expected.mixture.weights)),
  ).toBeLessThan(1e-6);
}

function mixtureOf({ size, classes }: Shape, rows: readonly AscentRow[], kernels: HeadKernels): PersonMixture {
  const features = createMatrix(rows.length, size);
  for (const [i, { features: x }] of rows.entries()) row(features, i).set(x);
  const identity = { features: "rows of the suite", classes: Array.from({ length: classes }, (_, c) => `class ${c}`) };
  const recipe = { optimizer: "sgd", learningRate: 0.05, epochs: 3, batchSize: 16, l2: 0 } as const;
  const labels = Int32Array.from(rows, ({ label }) => (label + 1) % classes);
  const prior = fitLinear({ features, labels, identity, recipe, random: createRandom(1) });
  return createPersonMixture(linearExperts(prior, { visits: 12, kernels }), { classes });
}
