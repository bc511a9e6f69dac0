// Reads an encoder's weights from a safetensors file: under either prefix, of the right shape, finite, and float32
// or int8 with scales.

import { assertFinite, MlError } from "../error.js";
import { dequantizeRows, scaleName } from "../quantization/int8.js";
import { float32FromHalf } from "../tensor/half.js";
import { getFloat32, partOf, requireFloat32, sameShape, type TensorFile } from "../tensor/safetensors.js";
import type { EmbeddingTable, LayerNorm, Linear } from "./layers.js";

export interface EncoderWeights {
  /** `<name>.weight` (outFeatures, inFeatures), as float32 whatever its stored format, and `<name>.bias`. */
  linear(name: string, inFeatures: number, outFeatures: number): Linear;
  /** `<name>.bias` (size). */
  bias(name: string, size: number): Float32Array;
  /** `<name>.weight` and `.bias`; older checkpoints call them `.gamma` and `.beta`. */
  layerNorm(name: string, size: number, epsilon: number): LayerNorm;
  /** `<name>.weight` (rows, cols) in its stored format: float32, binary16 or int8. */
  embedding(name: string, rows: number, cols: number): EmbeddingTable;
  /** `<name>.weight` with its name and shape checked. Its values are read later. */
  rows(name: string, rows: number, cols: number): WeightRows;
}

export interface WeightRows {
  readonly kind: EmbeddingTable["kind"];
  readonly rows: number;
  readonly cols: number;
  /**
   * Rows [first, first + count). The next read from the same file may overwrite them. Throws
   * `not-finite`, naming the tensor.
   */
  read(first: number, count: number): EmbeddingTable;
}

/** How values are taken out of a tensor: a part for a moment, or all of them for good. */
type Take = typeof partOf;
const takeAll: Take = (tensor) => tensor.data;

/**
 * Reads names as they are or behind `prefix`, which a checkpoint saved with its task head has. Its methods throw
 * MlError naming the tensor.
 */
export function encoderWeights(file: TensorFile, prefix: string): EncoderWeights {
  const found = (name: string) => (file.tensors.has(prefix + name) ? prefix + name : name);

  function requireShape(name: string, expected: readonly number[]): void {
    const { shape } = file.tensors.get(name)!;
    if (!sameShape(shape, expected)) {
      throw new MlError("shape", `Tensor "${name}" has shape [${shape}], expected [${expected}]`);
    }
  }

  function vector(name: string, size: number): Float32Array {
    const tensor = file.tensors.get(name);
    const values = tensor?.dtype === "F16" ? float32FromHalf(tensor.data) : getFloat32(file, name);
    requireShape(name, [size]);
    assertFinite(`Tensor "${name}"`, values);
    return values;
  }

  function stored(name: string, [rows, cols]: readonly [number, number], take: Take): WeightRows {
    const tensor = file.tensors.get(name);
    if (tensor?.dtype === "I8") {
      requireShape(name, [rows, cols]);
      const scales = vector(scaleName(name), rows);
      const read = (first: number, count: number): EmbeddingTable => {
        const scale = scales.subarray(first, first + count);
        return { kind: "int8", rows: count, cols, data: take(tensor, first * cols, count * cols), scale };
      };
      return { kind: "int8", rows, cols, read };
    }
    if (tensor?.dtype === "F16") {
      requireShape(name, [rows, cols]);
      const read = (first: number, count: number): EmbeddingTable => {
        const data = take(tensor, first * cols, count * cols);
        assertFiniteHalves(name, data, first * cols);
        return { kind: "float16", rows: count, cols, data };
      };
      return { kind: "float16", rows, cols, read };
    }
    const float32 = requireFloat32(file, name, [rows, cols]);
    const read = (first: number, count: number): EmbeddingTable => {
      const data = take(float32, first * cols, count * cols);
      assertFinite(`Tensor "${name}"`, data, first * cols);
      return { kind: "float32", rows: count, cols, data };
    };
    return { kind: "float32", rows, cols, read };
  }

  const table = (name: string, rows: number, cols: number) =>
    stored(found(`${name}.weight`), [rows, cols], takeAll).read(0, rows);

  return {
    linear(name, inFeatures, outFeatures) {
      return {
        inFeatures,
        outFeatures,
        weight: asFloat32(table(name, outFeatures, inFeatures)),
        bias: vector(found(`${name}.bias`), outFeatures),
      };
    },
    bias: (name, size) => vector(found(`${name}.bias`), size),
    layerNorm(name, size, epsilon) {
      const older = file.tensors.has(found(`${name}.gamma`));
      return {
        weight: vector(found(older ? `${name}.gamma` : `${name}.weight`), size),
        bias: vector(found(older ? `${name}.beta` : `${name}.bias`), size),
        epsilon,
      };
    },
    embedding: table,
    rows: (name, rows, cols) => stored(found(`${name}.weight`), [rows, cols], partOf),
  };
}

/** The table's values, (rows, cols). */
export function asFloat32(table: EmbeddingTable): Float32Array {
  switch (table.kind) {
    case "float32":
      return table.data;
    case "float16":
      return float32FromHalf(table.data);
    case "int8":
      return dequantizeRows(table.data, table.scale);
  }
}

/** As assertFinite, without widening the values: infinity and NaN have the largest exponent. */
function assertFiniteHalves(name: string, bits: Uint16Array, first: number): void {
  const bad = bits.findIndex((half) => (half & 0x7c00) === 0x7c00);
  if (bad >= 0) assertFinite(`Tensor "${name}"`, float32FromHalf(bits), first);
}
