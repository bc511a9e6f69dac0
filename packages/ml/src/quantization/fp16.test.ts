import { describe, expect, test } from "vitest";
import { float32FromHalf } from "../tensor/half.js";
import { createRandom } from "../tensor/random.js";
import { halfFromFloat32, roundTensorFileToHalf, roundToHalf } from "./fp16.js";

describe("FP16", () => {
  test("gives back every one of the 65,536 patterns that stands for a number", () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    expect(halfFromFloat32(float32FromHalf(patterns))).toEqual(patterns);
  });

  test("keeps infinities and NaN", () => {
    const rounded = roundToHalf(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN));
    expect(Array.from(rounded)).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
  });

  test.each([
    ["a tie goes to the even neighbour below", 1 + 2 ** -11, 1],
    ["a tie goes to the even neighbour above", 1 + 3 * 2 ** -11, 1 + 2 ** -9],
    ["just above a tie goes up", 1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    ["a carry raises the exponent", 2 - 2 ** -12, 2],
    ["the largest number stays", 65504, 65504],
    ["half a step beyond the largest is infinity", 65520, Number.POSITIVE_INFINITY],
    ["just below that is the largest", 65519, 65504],
    ["the smallest denormal stays", 2 ** -24, 2 ** -24],
    ["half of it is zero", 2 ** -25, 0],
    ["more than half of it is it", 2 ** -25 * 1.01, 2 ** -24],
    ["between denormals the nearest", 2 ** -24 * 2.4, 2 ** -23],
    ["below the smallest normal carries into it", 2 ** -14 - 2 ** -26, 2 ** -14],
    ["a float32 denormal is zero", 2 ** -140, 0],
    ["minus zero keeps its sign", -0, -0],
  ])("%s", (_, value, expected) => {
    expect(Object.is(roundToHalf(Float32Array.of(value))[0], expected)).toBe(true);
    expect(Object.is(roundToHalf(Float32Array.of(-value))[0], -expected)).toBe(true);
  });

  test("never errs by more than half a step", () => {
    const random = createRandom(3);
    for (let i = 0; i < 20_000; i++) {
      const value = Math.fround(random.normal() * 2 ** (random.integer(40) - 26));
      const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value)))) - 10);
      if (Math.abs(value) > 65504) continue;
      expect(Math.abs(roundToHalf(Float32Array.of(value))[0]! - value)).toBeLessThanOrEqual(step / 2);
    }
  });

  test("rounds the float32 tensors of a file and names one that does not fit", () => {
    const file = (value: number) => ({
      metadata: { a: "b" },
      tensors: new Map([["w", { dtype: "F32" as const, shape: [1], data: Float32Array.of(value) }]]),
    });
    expect(roundTensorFileToHalf(file(1 + 2 ** -12)).tensors.get("w")!.data[0]).toBe(1);
    expect(() => roundTensorFileToHalf(file(1e6))).toThrow('Tensor "w" holds 1000000');
  });
});
