import { expect, test } from "vitest";
import { asFloat32, float32FromBfloat16, float32FromHalf } from "./half.js";

test("reads binary16: zeros with their sign, the smallest and largest, thirds, infinities and NaN", () => {
  const bits = Uint16Array.of(
    0,
    0x8000,
    0x0001,
    0x83ff,
    0x0400,
    0x3c00,
    0xc000,
    0x3555,
    0x7bff,
    0x7c00,
    0xfc00,
    0x7e00,
  );
  expect([...float32FromHalf(bits)]).toEqual([
    0,
    -0,
    2 ** -24,
    -1023 * 2 ** -24,
    2 ** -14,
    1,
    -2,
    0.333251953125,
    65504,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ]);
});

test("reads bfloat16 as the upper half of a float32", () => {
  const values = [0, -0, 1, -2, 0.333984375, 2 ** -133, 3.3895313892515355e38, Number.NEGATIVE_INFINITY, Number.NaN];
  const words = new Uint32Array(Float32Array.from(values).buffer);
  expect([...float32FromBfloat16(Uint16Array.from(words, (word) => word >>> 16))]).toEqual(values);
});

test("widens or rounds every floating-point dtype to float32, and leaves whole numbers alone", () => {
  expect(asFloat32({ dtype: "F64", shape: [1], data: Float64Array.of(0.1) })).toEqual(Float32Array.of(0.1));
  expect(asFloat32({ dtype: "F16", shape: [1], data: Uint16Array.of(0x3c00) })).toEqual(Float32Array.of(1));
  expect(asFloat32({ dtype: "BF16", shape: [1], data: Uint16Array.of(0x3f80) })).toEqual(Float32Array.of(1));
  expect(asFloat32({ dtype: "I64", shape: [1], data: BigInt64Array.of(1n) })).toBeUndefined();
});
