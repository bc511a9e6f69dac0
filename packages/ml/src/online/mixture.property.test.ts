import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createMixture, learnLabel, type Mixture, mixProbabilities, regretBound, regretOf } from "./mixture.js";

/** One label, and the probabilities that each expert gave before it: (experts, classes). */
interface Step {
  readonly answers: Matrix;
  readonly label: number;
}

const names = ["a", "b", "c", "d", "e"];

/** A row of probabilities that is sure, has zeros, or is anything. */
const row = (classes: number) =>
  fc.oneof(
    fc.nat({ max: classes - 1 }).map((sure) => Array.from({ length: classes }, (_, c) => (c === sure ? 1 : 0))),
    fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: classes, maxLength: classes }).map(distribution),
  );

function distribution(shares: readonly number[]): number[] {
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => (sum === 0 ? 1 / shares.length : share / sum));
}

function answersOf(rows: readonly (readonly number[])[]): Matrix {
  return createMatrix(rows.length, rows[0]!.length, Float32Array.from(rows.flat()));
}

const sizes = fc.record({ experts: fc.integer({ min: 1, max: 5 }), classes: fc.integer({ min: 1, max: 7 }) });

const anyStream: fc.Arbitrary<Step[]> = sizes.chain(({ experts, classes }) =>
  fc.array(
    fc.record({
      answers: fc.array(row(classes), { minLength: experts, maxLength: experts }).map(answersOf),
      label: fc.nat({ max: classes - 1 }),
    }),
    { minLength: 1, maxLength: 80 },
  ),
);

/** Experts that are sure of the label until they are sure of another, each within its own phase. */
const switchingStream: fc.Arbitrary<Step[]> = fc
  .record({
    experts: fc.integer({ min: 1, max: 5 }),
    phases: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
    sureness: fc.constantFrom(0.6, 0.99, 1),
  })
  .map(({ experts, phases, sureness }) =>
    phases.flatMap((length, phase) =>
      Array.from({ length }, (_, t) => {
        const label = t % 2;
        const rows = Array.from({ length: experts }, (_, k) => {
          const own = k === phase % experts ? sureness : 1 - sureness;
          return label === 0 ? [own, 1 - own] : [1 - own, own];
        });
        return { answers: answersOf(rows), label };
      }),
    ),
  );

const learned = (stream: readonly Step[]) =>
  stream.reduce(
    (mixture: Mixture, { answers, label }) => learnLabel(mixture, answers, label),
    createMixture(names.slice(0, stream[0]!.answers.rows)),
  );

const rounding = 1e-9;

/** The loss of the best sequence of experts with at most `changes` changes, by dynamic programming. */
function bestSequence(stream: readonly Step[], changes: number): number {
  const experts = stream[0]!.answers.rows;
  let best = Array.from({ length: changes + 1 }, () => new Array<number>(experts).fill(0));
  let before = createMixture(names.slice(0, experts));
  for (const { answers, label } of stream) {
    const after = learnLabel(before, answers, label);
    const losses = after.losses.map((sum, k) => sum - before.losses[k]!);
    best = best.map((row, m) =>
      row.map((sum, k) => losses[k]! + Math.min(sum, m === 0 ? sum : Math.min(...best[m - 1]!))),
    );
    before = after;
  }
  return Math.min(...best.flat());
}

describe("a mixture", () => {
  test.each([
    ["any stream", anyStream],
    ["experts that take turns at being right", switchingStream],
  ])("never loses more than ln K + ln T above its best expert, on %s", (_, streams) => {
    fc.assert(
      fc.property(streams, (stream) => {
        const mixture = learned(stream);
        expect(regretOf(mixture)).toBeLessThanOrEqual(regretBound(mixture) + rounding * stream.length);
        expect(mixture.labels).toBe(stream.length);
      }),
      { numRuns: 300 },
    );
  });

  test("never loses more than (m + 1)(ln K + ln T) above the best sequence of experts with m changes", () => {
    fc.assert(
      fc.property(switchingStream, fc.integer({ min: 0, max: 6 }), (stream, changes) => {
        const mixture = learned(stream);
        const bound = bestSequence(stream, changes) + (changes + 1) * regretBound(mixture);
        expect(mixture.loss).toBeLessThanOrEqual(bound + rounding * stream.length);
      }),
    );
  });

  test("has for its loss the logarithms of the probabilities that it gave before each label", () => {
    fc.assert(
      fc.property(anyStream, (stream) => {
        let mixture = createMixture(names.slice(0, stream[0]!.answers.rows));
        let loss = 0;
        for (const { answers, label } of stream) {
          loss -= Math.log(mixProbabilities(mixture, answers).data[label]!);
          mixture = learnLabel(mixture, answers, label);
        }
        expect(mixture.loss).toBeCloseTo(loss, 3);
      }),
    );
  });

  test("keeps positive weights that sum to 1, and probabilities that do", () => {
    fc.assert(
      fc.property(anyStream, (stream) => {
        const mixture = learned(stream);
        expect(mixture.weights.every((weight) => weight > 0)).toBe(true);
        expect(mixture.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
        const { data } = mixProbabilities(mixture, stream[0]!.answers);
        expect(data.every((probability) => probability > 0)).toBe(true);
        expect(data.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 6);
      }),
    );
  });
});
