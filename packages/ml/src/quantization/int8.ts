// Symmetric int8 quantization of weights: a quarter of the bytes, with one float32 scale for each row.

import { assertFinite, MlError } from "../error.js";
import { getFloat32, type Tensor, type TensorFile } from "../tensor/safetensors.js";

/**
 * Recorded in the file's metadata under `quantization`. A row is an output channel of a linear weight, or an entry
 * of an embedding table.
 */
export const int8Scheme = "int8-symmetric-per-row";

/** The smallest normal float32: a smaller scale would be a denormal, which multiplies slowly and has few digits. */
const minScale = 2 ** -126;

export function scaleName(name: string): string {
  return `${name}.scale`;
}

interface QuantizedRows {
  /** (rows, cols), each value in -127…127. -128 stays unused, so that the range is symmetric. */
  readonly data: Int8Array;
  /** (rows), finite and not negative; 0 for a row of zeros. */
  readonly scale: Float32Array;
}

/**
 * weights: (rows, cols) → q with |weight - q * scale| ≤ scale / 2, where scale = max|row| / 127.
 * Throws `not-finite`, naming `what`, for NaN or infinity.
 */
export function quantizeRows(what: string, weights: Float32Array, rows: number): QuantizedRows {
  assertFinite(what, weights);
  const cols = weights.length / rows;
  const data = new Int8Array(weights.length);
  const scale = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const start = r * cols;
    let largest = 0;
    for (let c = 0; c < cols; c++) {
      largest = Math.max(largest, Math.abs(weights[start + c]!));
    }
    if (largest === 0) continue;
    const step = Math.fround(Math.max(largest / 127, minScale));
    scale[r] = step;
    for (let c = 0; c < cols; c++) {
      data[start + c] = Math.max(-127, Math.min(127, Math.round(weights[start + c]! / step)));
    }
  }
  return { data, scale };
}

/** data: (rows, cols), scale: (rows) → (rows, cols). */
export function dequantizeRows(data: Int8Array, scale: Float32Array): Float32Array {
  const cols = data.length / scale.length;
  const weights = new Float32Array(data.length);
  for (let r = 0; r < scale.length; r++) {
    const step = scale[r]!;
    for (let i = r * cols; i < (r + 1) * cols; i++) {
      weights[i] = data[i]! * step;
    }
  }
  return weights;
}

/**
 * The file with every float32 matrix (linear weights, embedding tables) as `<name>` I8 and `<name>.scale` F32.
 * Vectors (biases, norms) and other dtypes stay as they are.
 * Throws `mismatch` for a file that is already quantized, `not-finite` for NaN or infinity anywhere.
 */
export function quantizeTensorFile(file: TensorFile): TensorFile {
  if (file.metadata.quantization !== undefined) {
    throw new MlError("mismatch", `The file is already quantized (${file.metadata.quantization})`);
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of file.tensors) {
    const rows = tensor.shape[0];
    if (tensor.dtype !== "F32" || tensor.shape.length !== 2 || rows === undefined || tensor.data.length === 0) {
      if (tensor.dtype === "F32") assertFinite(`Tensor "${name}"`, tensor.data);
      tensors.set(name, tensor);
      continue;
    }
    if (file.tensors.has(scaleName(name))) {
      throw new MlError("mismatch", `The file already has a tensor "${scaleName(name)}"`);
    }
    const { data, scale } = quantizeRows(`Tensor "${name}"`, tensor.data, rows);
    tensors.set(name, { dtype: "I8", shape: tensor.shape, data });
    tensors.set(scaleName(name), { dtype: "F32", shape: [rows], data: scale });
  }
  return { tensors, metadata: { ...file.metadata, quantization: int8Scheme } };
}

/**
 * The inverse of quantizeTensorFile: every I8 tensor with a scale becomes F32. Throws `unsupported` for another scheme.
 */
export function dequantizeTensorFile(file: TensorFile): TensorFile {
  const { quantization, ...metadata } = file.metadata;
  if (quantization !== int8Scheme) {
    throw new MlError("unsupported", `Metadata "quantization" is ${quantization ?? "missing"}, expected ${int8Scheme}`);
  }
  const tensors = new Map(file.tensors);
  for (const [name, tensor] of file.tensors) {
    if (tensor.dtype !== "I8") continue;
    const scale = getFloat32(file, scaleName(name), [tensor.shape[0] ?? 1]);
    tensors.set(name, { dtype: "F32", shape: tensor.shape, data: dequantizeRows(tensor.data, scale) });
    tensors.delete(scaleName(name));
  }
  return { tensors, metadata };
}
