import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RowProblem, solveRow } from "./row-problem.js";
import { softmaxRow } from "./softmax.js";

function residualOf(problem: RowProblem): Float64Array {
  const residual = new Float64Array(problem.scores.length);
  solveRow(problem, residual);
  return residual;
}

/** one-hot(label) - softmax(scores + pull · residual), which equals the residual at the solution. */
function implied({ scores, label, pull }: RowProblem, residual: Float64Array): Float64Array {
  const z = scores.map((score, c) => score + pull * residual[c]!);
  softmaxRow(z, 0, z.length);
  return z.map((p, c) => (c === label ? 1 : 0) - p);
}

const problems = (most: { score: number; pull: number }) =>
  fc
    .record({
      scores: fc.array(fc.double({ min: -most.score, max: most.score, noNaN: true }), { minLength: 1, maxLength: 28 }),
      turn: fc.nat(),
      pull: fc.double({ min: 0, max: most.pull, noNaN: true }),
    })
    .map(({ scores, turn, pull }) => ({ scores: Float64Array.from(scores), label: turn % scores.length, pull }));

describe("the solution of a row's problem", () => {
  test("satisfies its equation", () => {
    fc.assert(
      fc.property(problems({ score: 50, pull: 100 }), (problem) => {
        const residual = residualOf(problem);
        const expected = implied(problem, residual);
        for (const [c, value] of residual.entries()) expect(value).toBeCloseTo(expected[c]!, 9);
      }),
      { numRuns: 1000 },
    );
  });

  test("is finite, sums to 0, and moves only the label's score up, for scores and pulls of any size", () => {
    fc.assert(
      fc.property(problems({ score: 1e30, pull: 1e30 }), (problem) => {
        const residual = residualOf(problem);
        const sum = residual.reduce((total, value) => total + value, 0);
        expect(sum).toBeCloseTo(0, 9);
        for (const [c, value] of residual.entries()) {
          expect(value * (c === problem.label ? 1 : -1)).toBeGreaterThanOrEqual(0);
          expect(Math.abs(value)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("without a pull is the residual of the scores themselves", () => {
    const residual = residualOf({ scores: Float64Array.of(0, 0, 0, 0), label: 2, pull: 0 });
    expect([...residual]).toEqual([-0.25, -0.25, 0.75, -0.25]);
  });
});
