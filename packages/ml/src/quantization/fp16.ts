// FP16: the value of a weight or feature that is kept in IEEE 754 binary16. Paper, section 5.1.

import { MlError } from "../error.js";
import { float32FromHalf } from "../tensor/half.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";

/** The largest finite binary16. */
const maxHalf = 65504;

/**
 * float32 → binary16 bit patterns, rounded to nearest, ties to even, as every conversion instruction does; denormals
 * included. A value beyond 65504 by half a step or more becomes infinity, and NaN stays NaN. Source: IEEE 754-2019,
 * section 4.3.1.
 */
export function halfFromFloat32(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    bits[i] = halfBits(word[0]!);
  }
  return bits;
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  const exponent = (magnitude >>> 23) - 127;
  if (exponent > 15) return sign | 0x7c00;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  // The number of dropped bits of the fraction: 13, and more for a result that is a denormal.
  const dropped = exponent >= -14 ? 13 : 13 + (-14 - exponent);
  if (dropped > 24) return sign;
  const kept = fraction >>> dropped;
  const rest = fraction & ((1 << dropped) - 1);
  const half = 1 << (dropped - 1);
  const rounded = kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
  // A carry out of the fraction raises the exponent, due to the layout of the bits. A carry out of the
  // largest exponent gives infinity.
  return sign | (exponent >= -14 ? ((exponent + 14) << 10) + rounded : rounded);
}

/** Each value rounded to the nearest binary16, as float32. */
export function roundToHalf(values: Float32Array): Float32Array {
  return float32FromHalf(halfFromFloat32(values));
}

/**
 * The file with every float32 matrix (linear weights, embedding tables) as F16: half the bytes. Vectors (biases, norms)
 * and other dtypes stay as they are.
 * Throws as `roundTensorFileToHalf`.
 */
export function halveTensorFile(file: TensorFile): TensorFile {
  const rounded = roundTensorFileToHalf(file);
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.tensors) {
    const matrix = tensor.dtype === "F32" && tensor.shape.length === 2;
    tensors.set(name, matrix ? { dtype: "F16", shape: tensor.shape, data: halfFromFloat32(tensor.data) } : tensor);
  }
  return { tensors, metadata: rounded.metadata };
}

/**
 * The file with every float32 tensor rounded to binary16 values, still as float32. An encoder made of it computes the
 * same as with FP16 weights.
 * Throws `out-of-range`, naming the tensor, for a weight that binary16 cannot hold.
 */
export function roundTensorFileToHalf(file: TensorFile): TensorFile {
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.tensors) {
    if (tensor.dtype !== "F32") {
      tensors.set(name, tensor);
      continue;
    }
    const data = roundToHalf(tensor.data);
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new MlError("out-of-range", `Tensor "${name}" holds ${tensor.data[bad]}, which FP16 cannot (±${maxHalf})`);
    }
    tensors.set(name, { ...tensor, data });
  }
  return { tensors, metadata: { ...file.metadata } };
}
