import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../tensor/random.js";
import {
  type Coverage,
  coverageBound,
  coverLabel,
  newCoverage,
  predictionSet,
  readCoverage,
} from "./prediction-set.js";

interface Step {
  readonly probabilities: Float32Array;
  readonly label: number;
}

function distribution(shares: readonly number[]): Float32Array {
  const sum = shares.reduce((total, share) => total + share, 0);
  return Float32Array.from(shares, (share) => (sum === 0 ? 1 / shares.length : share / sum));
}

const probabilitiesOf = (classes: number) =>
  fc.oneof(
    fc.nat({ max: classes - 1 }).map((sure) => Float32Array.from({ length: classes }, (_, c) => Number(c === sure))),
    fc.array(fc.nat({ max: 1000 }), { minLength: classes, maxLength: classes }).map(distribution),
  );

/** Labels and probabilities that know nothing of each other, many times over. */
const anyStream: fc.Arbitrary<Step[]> = fc.integer({ min: 1, max: 28 }).chain((classes) =>
  fc
    .tuple(
      fc.array(fc.record({ probabilities: probabilitiesOf(classes), label: fc.nat({ max: classes - 1 }) }), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.integer({ min: 1, max: 30 }),
    )
    .map(([steps, times]) => Array.from({ length: times }, () => steps).flat()),
);

const learn = (stream: readonly Step[], start: Coverage = newCoverage) =>
  stream.reduce((coverage, { probabilities, label }) => coverLabel(coverage, probabilities, label), start);

/** Chooses each label when it has seen the set: one outside or inside of it, as the phase has it. */
function adversary(phases: readonly number[], classes: number): { coverage: Coverage; missed: number } {
  const random = createRandom(7);
  let [coverage, missed] = [newCoverage, 0];
  for (const [phase, length] of phases.entries()) {
    for (let i = 0; i < length; i++) {
      const probabilities = distribution(Array.from({ length: classes }, () => random.integer(1000)));
      const set = predictionSet(coverage, probabilities);
      const outside = Array.from(probabilities.keys()).filter((label) => !set.includes(label));
      const label = phase % 2 === 0 ? (outside[0] ?? set[0]!) : set[0]!;
      if (!set.includes(label)) missed++;
      coverage = coverLabel(coverage, probabilities, label);
    }
  }
  return { coverage, missed };
}

function expectBound({ misses, labels }: Coverage): void {
  expect(Math.abs(misses / labels - 0.1)).toBeLessThanOrEqual(coverageBound(labels) + 1e-9);
}

describe("a set of labels", () => {
  test("misses 10% of any stream of labels, within the bound", () => {
    fc.assert(
      fc.property(anyStream, (stream) => {
        const coverage = learn(stream);
        expect(coverage.labels).toBe(stream.length);
        expectBound(coverage);
      }),
      { numRuns: 300 },
    );
  });

  test("misses 10% of labels that an adversary chooses after seeing the set, within the bound", () => {
    const phases = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(phases, fc.integer({ min: 2, max: 11 }), (lengths, classes) => {
        const { coverage, missed } = adversary(lengths, classes);
        expectBound(coverage);
        expect(missed).toBeLessThanOrEqual(coverage.misses);
      }),
    );
  });

  test("has a bound of 0.0022 after 100,000 labels, and holds it for wholly wrong probabilities", () => {
    const wrong = { probabilities: Float32Array.of(0.98, 0.01, 0.01), label: 2 };
    const right = { ...wrong, label: 0 };
    const stream = Array.from({ length: 100_000 }, (_, i) => (i % 1000 < 500 ? wrong : right));
    const coverage = learn(stream);
    expect(coverageBound(coverage.labels)).toBeCloseTo(0.0022, 4);
    expectBound(coverage);
  });

  test("is never empty, names the most probable label first, and grows with the threshold", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 28 }).chain(probabilitiesOf),
        fc.double({ min: -0.1, max: 1.2, noNaN: true }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (probabilities, threshold, more) => {
          const set = predictionSet({ ...newCoverage, threshold }, probabilities);
          const sorted = set.map((label) => probabilities[label]!);
          expect(sorted[0]).toBe(Math.max(...probabilities));
          expect(sorted).toEqual([...sorted].sort((a, b) => b - a));
          expect(new Set(set).size).toBe(set.length);
          const wider = predictionSet({ ...newCoverage, threshold: threshold + more }, probabilities);
          expect(wider.slice(0, set.length)).toEqual(set);
        },
      ),
    );
  });

  test("continues from JSON as if it had not been kept there", () => {
    fc.assert(
      fc.property(anyStream, (stream) => {
        const half = Math.floor(stream.length / 2);
        const kept = readCoverage(JSON.parse(JSON.stringify(learn(stream.slice(0, half)))));
        expect(learn(stream.slice(half), kept)).toEqual(learn(stream));
      }),
    );
  });
});

describe("labels that come as the probabilities say", () => {
  const random = createRandom(3);
  const steps: Step[] = Array.from({ length: 2000 }, () => {
    const probabilities = distribution(Array.from({ length: 7 }, () => random.next() ** 4));
    const drawn = random.next();
    const label = probabilities.findIndex((_, c) => drawn < probabilities.slice(0, c + 1).reduce((a, b) => a + b));
    return { probabilities, label: Math.max(0, label) };
  });

  test("are held 90% of the time, and by few labels", () => {
    const sizes: number[] = [];
    let coverage = newCoverage;
    for (const { probabilities, label } of steps) {
      sizes.push(predictionSet(coverage, probabilities).length);
      coverage = coverLabel(coverage, probabilities, label);
    }
    expect(Math.abs(coverage.misses / coverage.labels - 0.1)).toBeLessThan(0.02);
    expect(sizes.reduce((sum, size) => sum + size, 0) / sizes.length).toBeLessThan(4.5);
  });

  test("are held 90% of the time again soon after the person changes", () => {
    const before = learn(steps.slice(0, 1000));
    const turned = steps.slice(1000).map((step) => ({ ...step, label: (step.label + 1) % 7 }));
    const settled = learn(turned.slice(0, 500), before);
    const after = learn(turned.slice(500), settled);
    const missed = (after.misses - settled.misses) / (after.labels - settled.labels);
    expect(Math.abs(missed - 0.1)).toBeLessThan(0.03);
  });
});

test.each<[string, () => unknown, string]>([
  ["no probabilities", () => predictionSet(newCoverage, new Float32Array(0)), "needs the probability of a label"],
  ["NaN", () => predictionSet(newCoverage, Float32Array.of(1, Number.NaN)), "class 1 is NaN"],
  ["a label outside of the classes", () => coverLabel(newCoverage, Float32Array.of(1), 1), "Label 1 must lie in 0..0"],
  ["a kept coverage without a threshold", () => readCoverage({ misses: 0, labels: 1 }), 'a finite "threshold"'],
  ["more misses than labels", () => readCoverage({ ...newCoverage, misses: 2, labels: 1 }), 'among "labels"'],
  ["nothing kept", () => readCoverage(null), "The coverage is not"],
])("a set of labels refuses %s", (_, act, message) => {
  expect(act).toThrow(message);
});
