import { expect, test } from "vitest";
import { createRandom } from "../tensor/random.js";
import { parseSafetensors, serializeSafetensors, type Tensor, type TensorFile } from "../tensor/safetensors.js";
import { dequantizeRows, dequantizeTensorFile, int8Scheme, quantizeRows, quantizeTensorFile } from "./int8.js";

const random = createRandom(4);
const f32 = (shape: number[], data: ArrayLike<number>): Tensor => ({
  dtype: "F32",
  shape,
  data: Float32Array.from(data),
});
const fileOf = (tensors: Record<string, Tensor>): TensorFile => ({
  tensors: new Map(Object.entries(tensors)),
  metadata: {},
});

test("errs by half a scale at most, on rows of very different sizes", () => {
  const [rows, cols] = [40, 33];
  const weights = Float32Array.from(
    { length: rows * cols },
    (_, i) => random.normal() * 10 ** (Math.floor(i / cols) - 20),
  );
  const { data, scale } = quantizeRows("weights", weights, rows);
  const back = dequantizeRows(data, scale);
  for (let i = 0; i < weights.length; i++) {
    const step = scale[Math.floor(i / cols)]!;
    expect(Math.abs(weights[i]! - back[i]!)).toBeLessThanOrEqual((step / 2) * (1 + 1e-5));
  }
  for (let r = 0; r < rows; r++) {
    expect(Math.max(...data.subarray(r * cols, (r + 1) * cols).map(Math.abs))).toBe(127);
  }
});

test("gives a row of zeros the scale 0 and gives zeros back", () => {
  const { data, scale } = quantizeRows("weights", Float32Array.of(0, -0, 1, 2), 2);
  expect(scale[0]).toBe(0);
  expect([...dequantizeRows(data, scale)].slice(0, 2)).toEqual([0, 0]);
});

test("makes no denormal scale, and stands the largest and smallest float32", () => {
  const weights = Float32Array.of(1e-45, -1e-45, 3.4e38, -3.4e38);
  const { data, scale } = quantizeRows("weights", weights, 2);
  expect(scale[0]).toBe(2 ** -126);
  expect([...data]).toEqual([0, 0, 127, -127].map((value) => value + 0));
  expect(dequantizeRows(data, scale).every(Number.isFinite)).toBe(true);
});

test("refuses NaN and infinity, naming the tensor, in matrices and in vectors that stay float32", () => {
  expect(() => quantizeTensorFile(fileOf({ "a.weight": f32([1, 2], [1, Number.NaN]) }))).toThrow(
    'Tensor "a.weight" holds NaN',
  );
  const infinite = fileOf({ "a.bias": f32([2], [1, Number.POSITIVE_INFINITY]) });
  expect(() => quantizeTensorFile(infinite)).toThrow('Tensor "a.bias" holds Infinity at position 1');
});

test("quantizes matrices alone, records the scheme, and survives the file", () => {
  const original = fileOf({
    "dense.weight": f32([2, 3], [1, -2, 127, 0, 0.5, -0.24]),
    "dense.bias": f32([2], [1, 2]),
    position_ids: { dtype: "I64", shape: [1, 2], data: BigInt64Array.of(0n, 1n) },
  });
  const quantized = parseSafetensors(serializeSafetensors(quantizeTensorFile(original)));
  expect(quantized.metadata).toEqual({ quantization: int8Scheme });
  expect([...quantized.tensors.keys()].toSorted()).toEqual([
    "dense.bias",
    "dense.weight",
    "dense.weight.scale",
    "position_ids",
  ]);
  expect(quantized.tensors.get("dense.weight")).toEqual({
    dtype: "I8",
    shape: [2, 3],
    data: Int8Array.of(1, -2, 127, 0, 127, -61),
  });
  expect(quantized.tensors.get("dense.weight.scale")).toEqual(f32([2], [1, 0.5 / 127]));

  const back = dequantizeTensorFile(quantized);
  expect([...back.tensors.keys()].toSorted()).toEqual([...original.tensors.keys()].toSorted());
  expect(back.metadata).toEqual({});
  expect(back.tensors.get("dense.bias")).toEqual(original.tensors.get("dense.bias"));
});

test("refuses to quantize twice, to overwrite a scale, and to read another scheme", () => {
  const original = fileOf({ w: f32([1, 1], [1]) });
  expect(() => quantizeTensorFile(quantizeTensorFile(original))).toThrow(`already quantized (${int8Scheme})`);
  expect(() => quantizeTensorFile(fileOf({ w: f32([1, 1], [1]), "w.scale": f32([1], [1]) }))).toThrow('"w.scale"');
  expect(() => dequantizeTensorFile(original)).toThrow('"quantization" is missing');
});
