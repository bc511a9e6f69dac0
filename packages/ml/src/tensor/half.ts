// Widens the two 16-bit floating-point formats of checkpoints to float32. Float32 holds every value of either format,
// so nothing is rounded.

import type { Tensor } from "./safetensors.js";

/** IEEE 754 binary16 bit patterns → their values; denormals, infinities and NaN included. */
export function float32FromHalf(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!;
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) values[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else values[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}

/** bfloat16 bit patterns → their values: the upper half of a float32's bits. */
export function float32FromBfloat16(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return values;
}

/** The tensor's values as float32, or undefined for a dtype of whole numbers. float64 is rounded. */
export function asFloat32({ dtype, data }: Tensor): Float32Array | undefined {
  switch (dtype) {
    case "F32":
      return data;
    case "F64":
      return Float32Array.from(data);
    case "F16":
      return float32FromHalf(data);
    case "BF16":
      return float32FromBfloat16(data);
    default:
      return undefined;
  }
}
