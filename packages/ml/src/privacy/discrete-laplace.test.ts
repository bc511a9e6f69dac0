import { describe, expect, test } from "vitest";
import { chiSquare, readStatistics, seededBytes } from "../../../../test/golden/statistics.js";
import { discreteLaplace, uniformBelow } from "./discrete-laplace.js";

const { byFreedom } = readStatistics().chiSquareLimits;

/** The probability of each noise from -60 to 60. */
function distribution(epsilon: number): Map<number, number> {
  const q = Math.exp(-epsilon);
  const noises = Array.from({ length: 121 }, (_, i) => i - 60);
  return new Map(noises.map((noise) => [noise, ((1 - q) / (1 + q)) * q ** Math.abs(noise)]));
}

describe("The discrete Laplace distribution", () => {
  test.each([
    { numerator: 1, denominator: 1 },
    { numerator: 2, denominator: 3 },
    { numerator: 5, denominator: 2 },
  ])("is met by 100,000 draws for ε = $numerator / $denominator", ({ numerator, denominator }) => {
    const randomBytes = seededBytes(numerator);
    const draw = () => discreteLaplace({ numerator, denominator }, randomBytes);
    const { statistic, freedom } = chiSquare(draw, 100_000, distribution(numerator / denominator));
    expect(freedom).toBeGreaterThan(5);
    expect(statistic).toBeLessThan(byFreedom[freedom]!);
  });

  test("differs measurably from a distribution whose ε is 3% larger", () => {
    const randomBytes = seededBytes(1);
    const draw = () => discreteLaplace({ numerator: 1, denominator: 1 }, randomBytes);
    const { statistic, freedom } = chiSquare(draw, 100_000, distribution(1.03));
    expect(statistic).toBeGreaterThan(byFreedom[freedom]!);
  });
});

describe("A uniform whole number", () => {
  test("takes no byte for one value, one byte up to 256 values and two bytes for 257", () => {
    const asked: number[] = [];
    const zeros = (count: number) => {
      asked.push(count);
      return new Uint8Array(count);
    };
    for (const bound of [1, 2, 256, 257, 65_536]) expect(uniformBelow(bound, zeros)).toBe(0);
    expect(asked).toEqual([0, 1, 1, 2, 2]);
  });

  test("rejects exactly the draws above the last whole multiple of the bound", () => {
    const results = new Uint32Array(100);
    let rejected = 0;
    for (let byte = 0; byte < 256; byte++) {
      const bytes = [byte, 0];
      results[uniformBelow(100, () => Uint8Array.of(bytes.shift()!))]!++;
      if (bytes.length === 0) rejected++;
    }
    // Each rejected draw is followed by the draw 0, which returns 0.
    expect(rejected).toBe(56);
    expect(results[0]).toBe(2 + 56);
    expect(results.subarray(1).every((times) => times === 2)).toBe(true);
  });

  test("is equally likely for each of 257 values", () => {
    const randomBytes = seededBytes(3);
    const equal = new Map(Array.from({ length: 50 }, (_, value) => [value, 1 / 257]));
    const { statistic, freedom } = chiSquare(() => uniformBelow(257, randomBytes), 100_000, equal);
    expect(freedom).toBe(50);
    expect(statistic).toBeLessThan(byFreedom[freedom]!);
  });
});

describe("Noise is refused", () => {
  test.each([0, -1, 1.5, Number.NaN, 2 ** 20 + 1])("for an ε with the term %s", (term) => {
    const bytes = seededBytes(1);
    expect(() => discreteLaplace({ numerator: term, denominator: 1 }, bytes)).toThrow(RangeError);
    expect(() => discreteLaplace({ numerator: 1, denominator: term }, bytes)).toThrow(`not ${term}`);
  });

  test("for a source that returns too few bytes", () => {
    const draw = () => discreteLaplace({ numerator: 1, denominator: 1 }, () => new Uint8Array(0));
    expect(draw).toThrow("randomBytes returned 0 bytes, not 1");
  });
});
