// AdamW against its formulas, and the schedule at its corners.

import { createRandom } from "@attune/ml/tensor/random";
import { describe, expect, test } from "vitest";
import { openBackend } from "../backend/backend.js";
import { adamUpdate, clippingScale, createBackendParameters, createParameter, scheduledRate } from "./optimizer.js";

describe("adamUpdate", () => {
  test("moves every weight by the learning rate against the gradient's sign in the first step, plus the decay", () => {
    const parameter = createParameter([3], Float32Array.of(1, 1, 1));
    const step = { learningRate: 0.1, weightDecay: 0.5, gradientScale: 1, step: 1 };
    adamUpdate(parameter, Float32Array.of(2, -0.001, 0), step);
    const expected = [1 - 0.1 - 0.05, 1 + 0.1 - 0.05, 1 - 0.05];
    for (const [i, value] of parameter.values.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
  });

  test("changes the named rows only, and those as a dense update would", () => {
    const sparse = createParameter([3, 2], new Float32Array(6).fill(1));
    const whole = createParameter([3, 2], new Float32Array(6).fill(1));
    const step = { learningRate: 0.1, weightDecay: 0, gradientScale: 0.5, step: 1 };
    adamUpdate(sparse, Float32Array.of(1, 2, 3, 4), { ...step, rows: Int32Array.of(0, 2) });
    adamUpdate(whole, Float32Array.of(1, 2, 0, 0, 3, 4), step);
    expect(sparse).toEqual(whole);
  });

  test("refuses a gradient of another size", () => {
    const parameter = createParameter([3, 2], new Float32Array(6));
    const step = { learningRate: 0.1, weightDecay: 0, gradientScale: 1, step: 1 };
    expect(() => adamUpdate(parameter, new Float32Array(4), step)).toThrow(/4 values/);
  });
});

describe("createBackendParameters", () => {
  test("steps as the plain arrays do, moments and decay included", async () => {
    const { tf } = await openBackend("tfjs-wasm");
    const random = createRandom(1);
    const values = () => Float32Array.from({ length: 35 }, () => random.normal());
    const start = values();
    const plain = createParameter([5, 7], start.slice());
    const onBackend = new Map([["w", createParameter([5, 7], start.slice())]]);
    const before = tf.memory().numTensors;
    const trained = createBackendParameters(tf, onBackend, "");
    for (let step = 1; step <= 5; step++) {
      const gradient = values();
      const options = { learningRate: 0.1, weightDecay: step % 2 === 0 ? 0.1 : 0, gradientScale: 0.5, step };
      adamUpdate(plain, gradient, options);
      tf.tidy(() => trained.update("w", tf.tensor(gradient, [5, 7]), options));
    }
    trained.download();
    const { values: found, moment1, moment2 } = onBackend.get("w")!;
    for (let i = 0; i < 35; i++) {
      expect(found[i]).toBeCloseTo(plain.values[i]!, 5);
      expect(moment1[i]).toBeCloseTo(plain.moment1[i]!, 6);
      expect(moment2[i]).toBeCloseTo(plain.moment2[i]!, 6);
    }
    trained.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("clippingScale", () => {
  test("limits the joint norm and says so when a gradient is not finite", () => {
    expect(clippingScale(25, 1)).toBeCloseTo(0.2);
    expect(clippingScale(25, 10)).toBe(1);
    expect(clippingScale(Number.NaN, 1)).toBeNaN();
    expect(clippingScale(Number.POSITIVE_INFINITY, 1)).toBeNaN();
  });
});

describe("scheduledRate", () => {
  test("rises to the peak, falls to almost nothing at the end and stays defined for a run of one step", () => {
    const schedule = { peak: 1, total: 100, warmupFraction: 0.1 };
    expect(scheduledRate(0, schedule)).toBeCloseTo(0.1);
    expect(scheduledRate(9, schedule)).toBeCloseTo(1);
    expect(scheduledRate(99, schedule)).toBeCloseTo(1 / 90);
    expect(scheduledRate(0, { peak: 1, total: 1, warmupFraction: 0.1 })).toBe(1);
  });
});
