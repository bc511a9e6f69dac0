import { describe, expect, test } from "vitest";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { createRandom } from "../tensor/random.js";
import { addOuter, type ClassWeights, importanceOf, scoreRows, scoreRowsPlainly, softmaxRow } from "./softmax.js";

/** gradient += residualsᵀ x, computed by definition. */
function plainOuter(x: Float32Array, residuals: Float64Array, { rows, width, classes }: Sizes): Float64Array {
  const gradient = new Float64Array(classes * width);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < width; d++) {
        gradient[c * width + d]! += residuals[i * classes + c]! * x[i * width + d]!;
      }
    }
  }
  return gradient;
}

interface Sizes {
  readonly rows: number;
  readonly width: number;
  readonly classes: number;
}

describe("The linear head's inner loops", () => {
  test.each([
    { rows: 1, width: 1, classes: 2 },
    { rows: 1, width: 9, classes: 7 },
    { rows: 2, width: 5, classes: 4 },
    { rows: 3, width: 8, classes: 5 },
    { rows: 7, width: 3, classes: 3 },
    { rows: 9, width: 17, classes: 7 },
    { rows: 12, width: 4, classes: 28 },
  ])("equal their plain twins for $rows rows, width $width and $classes classes", (sizes) => {
    const { rows, width, classes } = sizes;
    const random = createRandom(rows * 100 + classes);
    const x = Float32Array.from({ length: rows * width }, () => random.normal());
    const weights = Float64Array.from({ length: classes * width }, () => random.normal());
    const scores = new Float64Array(rows * classes).fill(Number.NaN);
    const plainScores = scores.slice();
    scoreRows({ x, ...sizes }, weights, scores);
    scoreRowsPlainly({ x, ...sizes }, weights, plainScores);
    expect(largestDifference(scores, plainScores)).toBeLessThan(1e-13);

    const gradient = new Float64Array(classes * width);
    addOuter({ x, ...sizes }, scores, gradient);
    expect(largestDifference(gradient, plainOuter(x, scores, sizes))).toBeLessThan(1e-11);
  });

  test("take a softmax of scores that overflow or underflow an exponential", () => {
    const scores = Float64Array.of(1000, 999, -1000);
    const { shift, sum } = softmaxRow(scores, 0, 3);
    expect(shift + Math.log(sum)).toBeCloseTo(1000 + Math.log(1 + Math.exp(-1)), 12);
    expect(largestDifference(scores, [1 / (1 + Math.exp(-1)), 1 / (1 + Math.E), 0])).toBeLessThan(1e-15);
  });
});

describe("Class weights", () => {
  const labels = new Int32Array(96 + 16).fill(1, 0, 16);

  test.each([
    ["balanced", 1],
    ["tempered", 96 ** (1 / 2) / 16 ** (1 / 2)],
    ["mild", 96 ** (3 / 4) / 16 ** (3 / 4)],
    ["none", 96 / 16],
  ] satisfies [ClassWeights, number][])(
    "%s: what a class of six times the rows weighs beside the other",
    (classWeights, ratio) => {
      const importance = importanceOf(labels, { classes: 3, classWeights });
      const share = (label: number) =>
        importance.reduce((sum, weight, i) => sum + (labels[i] === label ? weight : 0), 0);
      expect(share(0) / share(1)).toBeCloseTo(ratio, 12);
      expect(share(0) + share(1)).toBeCloseTo(labels.length, 9);
    },
  );
});
