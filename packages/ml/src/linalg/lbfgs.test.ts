import { describe, expect, test } from "vitest";
import { largestDifference } from "../../../../test/golden/heads/read.js";
import { minimize, type Objective } from "./lbfgs.js";

/** Σ scaleᵢ (xᵢ - i)² / 2 */
function bowl(scales: number[]): Objective {
  return (x, gradient) => {
    let value = 0;
    for (const [i, scale] of scales.entries()) {
      const distance = x[i]! - i;
      gradient[i] = scale * distance;
      value += 0.5 * scale * distance * distance;
    }
    return value;
  };
}

describe("L-BFGS", () => {
  test("finds the minimum of a badly scaled bowl and leaves the start alone", () => {
    const start = Float64Array.of(5, -3, 8, 100);
    const result = minimize(bowl([1, 1000, 1e-3, 1]), start, { tolerance: 1e-10 });
    expect(result.converged).toBe(true);
    expect(largestDifference(result.x, [0, 1, 2, 3])).toBeLessThan(1e-6);
    expect(Array.from(start)).toEqual([5, -3, 8, 100]);
  });

  test("needs one step when preconditioned by the exact Hessian", () => {
    const scales = [1, 1000, 1e-3, 1];
    const result = minimize(bowl(scales), new Float64Array(4), {
      tolerance: 1e-12,
      precondition: (g) => {
        for (let i = 0; i < 4; i++) g[i]! /= scales[i]!;
      },
    });
    expect(result).toMatchObject({ converged: true, iterations: 1 });
  });

  test("is at once done at the minimum", () => {
    const result = minimize(bowl([1, 1]), Float64Array.of(0, 1), { tolerance: 1e-12 });
    expect(result).toMatchObject({ converged: true, iterations: 0, value: 0 });
  });

  test("says so when the iterations run out", () => {
    const options = { tolerance: 1e-12, maxIterations: 2 };
    expect(minimize(bowl([1, 1000, 1e-3]), new Float64Array(3), options).converged).toBe(false);
  });

  test("refuses an objective that is not a number", () => {
    expect(() => minimize(() => Number.NaN, new Float64Array(2), { tolerance: 1 })).toThrow("NaN");
  });
});
