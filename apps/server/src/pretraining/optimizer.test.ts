// AdamW against its formulas, and the schedule at its corners.
import { describe, expect, it } from "vitest";
import { adamUpdate, clippingScale, createParameter, scheduledRate } from "./optimizer.js";

describe("adamUpdate", () => {
  it("moves every weight by the learning rate against the gradient's sign in the first step, plus the decay", () => {
    const parameter = createParameter([3], Float32Array.of(1, 1, 1));
    const step = { learningRate: 0.1, weightDecay: 0.5, gradientScale: 1, step: 1 };
    adamUpdate(parameter, Float32Array.of(2, -0.001, 0), step);
    const expected = [1 - 0.1 - 0.05, 1 + 0.1 - 0.05, 1 - 0.05];
    for (const [i, value] of parameter.values.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
  });

  it("changes the named rows only, and those as a dense update would", () => {
    const sparse = createParameter([3, 2], new Float32Array(6).fill(1));
    const whole = createParameter([3, 2], new Float32Array(6).fill(1));
    const step = { learningRate: 0.1, weightDecay: 0, gradientScale: 0.5, step: 1 };
    adamUpdate(sparse, Float32Array.of(1, 2, 3, 4), { ...step, rows: Int32Array.of(0, 2) });
    adamUpdate(whole, Float32Array.of(1, 2, 0, 0, 3, 4), step);
    expect(sparse).toEqual(whole);
  });

  it("refuses a gradient of another size", () => {
    const parameter = createParameter([3, 2], new Float32Array(6));
    const step = { learningRate: 0.1, weightDecay: 0, gradientScale: 1, step: 1 };
    expect(() => adamUpdate(parameter, new Float32Array(4), step)).toThrow(/4 values/);
  });
});

describe("clippingScale", () => {
  it("limits the joint norm and says so when a gradient is not finite", () => {
    const gradients = [Float32Array.of(3), Float32Array.of(4)];
    expect(clippingScale(gradients, 1)).toBeCloseTo(0.2);
    expect(clippingScale(gradients, 10)).toBe(1);
    expect(clippingScale([Float32Array.of(Number.NaN)], 1)).toBeNaN();
  });
});

describe("scheduledRate", () => {
  it("rises to the peak, falls to almost nothing at the end and stays defined for a run of one step", () => {
    const schedule = { peak: 1, total: 100, warmupFraction: 0.1 };
    expect(scheduledRate(0, schedule)).toBeCloseTo(0.1);
    expect(scheduledRate(9, schedule)).toBeCloseTo(1);
    expect(scheduledRate(99, schedule)).toBeCloseTo(1 / 90);
    expect(scheduledRate(0, { peak: 1, total: 1, warmupFraction: 0.1 })).toBe(1);
  });
});
