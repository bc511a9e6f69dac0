import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HarmTestInput, harmTest } from "./harm-test.js";

const usual = { bound: 0.2, liars: 0.1, alpha: 0.05 };
const judged = (worse: number, verdicts: number) => harmTest({ ...usual, worse, verdicts });

/** The definition, by the midpoint rule. */
function integral({ worse, verdicts, bound, liars }: Omit<HarmTestInput, "alpha">): number {
  const q = bound * (1 - liars) + liars;
  const steps = 20_000;
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    const p = q + ((1 - q) * (i + 0.5)) / steps;
    sum += (p / q) ** worse * ((1 - p) / (1 - q)) ** (verdicts - worse);
  }
  return sum / steps;
}

describe("the evidence of harm", () => {
  test("is 1 before the first verdict", () => {
    expect(judged(0, 0)).toEqual({ evidence: 1, stop: false, evidenceOfNoHarm: 1, shownHarmless: false });
  });

  test("is the integral that defines it", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.double({ min: 0.05, max: 0.6, noNaN: true }), (worse, others, bound) => {
        const input = { worse, verdicts: worse + others, bound, liars: 0.1 };
        const exact = harmTest({ ...input, alpha: 0.05 }).evidence;
        expect(exact / integral(input)).toBeCloseTo(1, 3);
      }),
    );
  });

  test("grows with each verdict worse, and falls with each other one", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (worse, others) => {
        const now = judged(worse, worse + others).evidence;
        expect(judged(worse + 1, worse + others + 1).evidence).toBeGreaterThan(now);
        expect(judged(worse, worse + others + 1).evidence).toBeLessThan(now);
      }),
    );
  });

  test("has the expectation 1 after each verdict if the probability of worse is q0, and less below", () => {
    const q0 = 0.2 * 0.9 + 0.1;
    for (const [worse, verdicts] of [
      [0, 0],
      [3, 5],
      [20, 100],
      [40, 100],
    ] as const) {
      const now = judged(worse, verdicts).evidence;
      const next = (p: number) =>
        p * judged(worse + 1, verdicts + 1).evidence + (1 - p) * judged(worse, verdicts + 1).evidence;
      expect(next(q0) / now).toBeCloseTo(1, 10);
      expect(next(0.1)).toBeLessThan(now);
    }
  });

  test("stops a rollout that makes everybody worse after a few verdicts, and none in which nobody is", () => {
    const needed = Array.from({ length: 20 }, (_, n) => n).find((n) => judged(n, n).stop);
    expect(needed).toBe(4);
    expect(judged(0, 100_000)).toMatchObject({ stop: false, shownHarmless: true });
  });

  test("stays a number for a hundred thousand verdicts, and infinite evidence stops", () => {
    expect(judged(28_000, 100_000).evidence).toBeGreaterThan(0);
    expect(judged(100_000, 100_000)).toMatchObject({ stop: true, evidenceOfNoHarm: expect.closeTo(0) });
  });

  test("says neither with few verdicts near the bound", () => {
    expect(judged(2, 10)).toMatchObject({ stop: false, shownHarmless: false });
  });
});

test.each([
  [{ worse: 2, verdicts: 1 }, "2 of 1 verdicts cannot be worse"],
  [{ worse: -1 }, "-1 of 10 verdicts"],
  [{ worse: 0.5 }, "0.5 of 10 verdicts"],
  [{ verdicts: Number.NaN }, "0 of NaN verdicts"],
  [{ bound: 0 }, "bound is 0"],
  [{ bound: 1 }, "bound is 1"],
  [{ liars: -0.1 }, "liars is -0.1"],
  [{ liars: 1 }, "liars is 1"],
  [{ alpha: 0 }, "alpha is 0"],
  [{ alpha: Number.NaN }, "alpha is NaN"],
])("%o is refused by name", (fault, message) => {
  expect(() => harmTest({ ...usual, worse: 0, verdicts: 10, ...fault })).toThrow(message);
});
