import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMs } from "./backoff.js";

const range = { minMs: 100, maxMs: 5_000 };
const longest = () => 1;
const shortest = () => 0;

describe("the pause before a retry", () => {
  test("doubles with every failure up to the cap", () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => backoffMs(failures, range, longest));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  test("is at least half of the full pause", () => {
    expect([1, 2, 3, 20].map((failures) => backoffMs(failures, range, shortest))).toEqual([50, 100, 200, 2_500]);
  });

  test("counts a retry after progress as the first", () => {
    expect(backoffMs(0, range, longest)).toBe(backoffMs(1, range, longest));
  });

  test("is within its bounds for any number of failures and any range", () => {
    const ranges = fc.record({
      minMs: fc.integer({ min: 1, max: 1e6 }),
      maxMs: fc.integer({ min: 1, max: 1e9 }),
    });
    fc.assert(
      fc.property(fc.nat(), ranges, (failures, any) => {
        const pauseMs = backoffMs(failures, any);
        expect(pauseMs).toBeGreaterThanOrEqual(Math.min(any.minMs, any.maxMs) / 2);
        expect(pauseMs).toBeLessThanOrEqual(any.maxMs);
      }),
    );
  });
});
