// Reads the fields of a tensor file. An absent, misshapen or non-finite field is refused by name, so that a head or DR
// is never read in part.

import { assertFinite, MlError } from "../error.js";
import { sameShape, type Tensor, type TensorFile } from "./safetensors.js";

/** The float64 tensor `name` of `shape`; all values are finite. Throws `malformed`, `shape` and `not-finite`. */
export function readFloat64(file: TensorFile, name: string, shape: readonly number[]): Float64Array {
  const tensor = readTensor(file, name, shape);
  if (tensor.dtype !== "F64") throw new MlError("malformed", `Tensor "${name}" is ${tensor.dtype}, not F64`);
  assertFinite(`Tensor "${name}"`, tensor.data);
  return tensor.data;
}

/** The float32 tensor `name` of `shape`; all values are finite. Throws `malformed`, `shape` and `not-finite`. */
export function readFloat32(file: TensorFile, name: string, shape: readonly number[]): Float32Array {
  const tensor = readTensor(file, name, shape);
  if (tensor.dtype !== "F32") throw new MlError("malformed", `Tensor "${name}" is ${tensor.dtype}, not F32`);
  assertFinite(`Tensor "${name}"`, tensor.data);
  return tensor.data;
}

/** The two sizes of matrix `name`, both at least 1. */
export function readMatrixShape(file: TensorFile, name: string): [rows: number, cols: number] {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new MlError("malformed", `Tensor "${name}" is missing`);
  const [rows = 0, cols = 0] = tensor.shape;
  if (tensor.shape.length !== 2 || rows < 1 || cols < 1) {
    throw new MlError("shape", `Tensor "${name}" has shape [${tensor.shape}], expected two sizes of at least 1`);
  }
  return [rows, cols];
}

/** Refuses tensors other than `names`: a file with further tensors is not the kind of file that it claims to be. */
export function refuseOtherTensors(file: TensorFile, names: readonly string[]): void {
  for (const name of file.tensors.keys()) {
    if (!names.includes(name)) throw new MlError("malformed", `Tensor "${name}" does not belong in this file`);
  }
}

export function readMetadataField(file: TensorFile, name: string): string {
  const value = Object.hasOwn(file.metadata, name) ? file.metadata[name] : undefined;
  if (value === undefined || value === "") throw new MlError("malformed", `Metadata field "${name}" is missing`);
  return value;
}

/** The metadata field `name`, which must be JSON. */
export function readMetadataJson(file: TensorFile, name: string): unknown {
  const text = readMetadataField(file, name);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MlError("malformed", `Metadata field "${name}" is not JSON`, { cause });
  }
}

function readTensor(file: TensorFile, name: string, shape: readonly number[]): Tensor {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new MlError("malformed", `Tensor "${name}" is missing`);
  if (!sameShape(tensor.shape, shape)) {
    throw new MlError("shape", `Tensor "${name}" has shape [${tensor.shape}], expected [${shape}]`);
  }
  const elements = shape.reduce((product, size) => product * size, 1);
  if (tensor.data.length !== elements) {
    throw new MlError("shape", `Tensor "${name}" of shape [${shape}] holds ${tensor.data.length} values`);
  }
  return tensor;
}
