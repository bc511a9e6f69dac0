import { describe, expect, test } from "vitest";
import { createMatrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import { brierScore, expectedCalibrationError, reliability } from "./calibration.js";

const two = (...confidence: number[]) =>
  createMatrix(confidence.length, 2, Float32Array.from(confidence.flatMap((p) => [p, 1 - p])));

describe("The Brier score", () => {
  test("is the mean squared distance from the truth, over all classes", () => {
    const probabilities = createMatrix(2, 3, Float32Array.of(0.5, 0.25, 0.25, 0, 1, 0));
    expect(brierScore(probabilities, Int32Array.of(0, 2))).toBeCloseTo((0.375 + 2) / 2, 12);
    expect(brierScore(probabilities, Int32Array.of(0, 1))).toBeCloseTo(0.375 / 2, 12);
  });
});

describe("Reliability", () => {
  test("cuts the rows by confidence into bins of equal size, whatever order they come in", () => {
    // The confidences are 0.6, 0.7, 0.8 and 0.9. The first class is predicted for all rows but that of 0.3, which gives
    // 0.7 to the second class.
    const probabilities = two(0.9, 0.6, 0.3, 0.8);
    const bins = reliability(probabilities, Int32Array.of(0, 1, 1, 1), 2);
    expect(bins.map(({ count }) => count)).toEqual([2, 2]);
    expect(bins[0]!.confidence).toBeCloseTo(0.65, 6);
    expect(bins[0]!.accuracy).toBe(0.5);
    expect(bins[1]!.confidence).toBeCloseTo(0.85, 6);
    expect(bins[1]!.accuracy).toBe(0.5);
    expect(expectedCalibrationError(bins)).toBeCloseTo((0.15 + 0.35) / 2, 6);
  });

  test("takes every row once, with sizes that differ by one at most", () => {
    const bins = reliability(two(...Array.from({ length: 47 }, (_, i) => 0.5 + i / 100)), new Int32Array(47));
    expect(bins).toHaveLength(15);
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(47);
    expect(new Set(bins.map(({ count }) => count))).toEqual(new Set([3, 4]));
    expect(reliability(two(0.6, 0.7), Int32Array.of(0, 1))).toHaveLength(2);
  });

  test("finds little wrong with calibrated probabilities and much with extreme ones", () => {
    const random = createRandom(5);
    const honest = Array.from({ length: 20_000 }, () => 0.5 + 0.5 * random.next());
    const labels = Int32Array.from(honest, (p) => (random.next() < p ? 0 : 1));
    const boastful = honest.map((p) => 1 - (1 - p) / 10);
    expect(expectedCalibrationError(reliability(two(...honest), labels))).toBeLessThan(0.015);
    expect(expectedCalibrationError(reliability(two(...boastful), labels))).toBeGreaterThan(0.2);
  });
});

describe("Measures of calibration refuse", () => {
  test("no rows, labels that are missing or no class", () => {
    expect(() => brierScore(createMatrix(0, 2), new Int32Array(0))).toThrow("no rows");
    expect(() => reliability(two(0.5), new Int32Array(2))).toThrow("1 rows of probabilities but 2 labels");
    expect(() => reliability(two(0.5), Int32Array.of(2))).toThrow("Row 0: label 2 must lie in 0..1");
    expect(() => expectedCalibrationError([])).toThrow("no rows");
  });
});
