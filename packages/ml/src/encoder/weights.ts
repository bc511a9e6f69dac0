// An encoder's weights out of a safetensors file: under either prefix, of the right shape, finite, and float32 or int8 with scales.
import { assertFinite, MlError } from "../error.js";
import { dequantizeRows, scaleName } from "../quantization/int8.js";
import { getFloat32, sameShape, type TensorFile } from "../tensor/safetensors.js";
import type { EmbeddingTable, LayerNorm, Linear } from "./layers.js";

export interface EncoderWeights {
  /** `<name>.weight` (outFeatures, inFeatures), dequantized if int8, and `<name>.bias`. */
  linear(name: string, inFeatures: number, outFeatures: number): Linear;
  /** `<name>.bias` (size). */
  bias(name: string, size: number): Float32Array;
  /** `<name>.weight` and `.bias`, or `.gamma` and `.beta` as older checkpoints call them. */
  layerNorm(name: string, size: number, epsilon: number): LayerNorm;
  /** `<name>.weight` (rows, cols), left as int8 if it is. */
  embedding(name: string, rows: number, cols: number): EmbeddingTable;
}

/** Reads names as they are or behind `prefix` (a checkpoint saved with its task head has one). Its methods throw MlError naming the tensor. */
export function encoderWeights(file: TensorFile, prefix: string): EncoderWeights {
  const found = (name: string) => (file.tensors.has(prefix + name) ? prefix + name : name);

  function vector(name: string, size: number): Float32Array {
    const values = getFloat32(file, name, [size]);
    assertFinite(`Tensor "${name}"`, values);
    return values;
  }

  function table(name: string, rows: number, cols: number): EmbeddingTable {
    const tensor = file.tensors.get(name);
    if (tensor?.dtype === "I8") {
      if (!sameShape(tensor.shape, [rows, cols])) {
        throw new MlError("shape", `Tensor "${name}" has shape [${tensor.shape}], expected [${rows},${cols}]`);
      }
      return { kind: "int8", rows, cols, data: tensor.data, scale: vector(scaleName(name), rows) };
    }
    const data = getFloat32(file, name, [rows, cols]);
    assertFinite(`Tensor "${name}"`, data);
    return { kind: "float32", rows, cols, data };
  }

  return {
    linear(name, inFeatures, outFeatures) {
      const weight = table(found(`${name}.weight`), outFeatures, inFeatures);
      return {
        inFeatures,
        outFeatures,
        weight: weight.kind === "int8" ? dequantizeRows(weight.data, weight.scale) : weight.data,
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
    embedding: (name, rows, cols) => table(found(`${name}.weight`), rows, cols),
  };
}
