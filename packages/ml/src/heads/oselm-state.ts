// The state of an OSELM head: the sums over the rows it holds, and how they are written and read.

import { MlError } from "../error.js";
import { readFloat64, refuseOtherTensors } from "../tensor/fields.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { readHeaderOf, writeHead } from "./head-file.js";
import {
  type ElmRecipe,
  type HiddenLayer,
  hiddenTensorNames,
  readHiddenLayer,
  writeHiddenLayer,
} from "./hidden-layer.js";
import type { HeadIdentity } from "./identity.js";

/** Sums over rows, exact (hidden-layer.ts): the same rows give the same sums, whatever rows came and went between. */
interface Sums {
  /** Σ h hᵀ, (hidden, hidden), upper triangle. */
  readonly gram: Float64Array;
  /** Σ y hᵀ, (classes, hidden). */
  readonly moments: Float64Array;
  readonly classCounts: Float64Array;
  count: number;
}

export interface OselmState {
  readonly identity: HeadIdentity;
  readonly recipe: ElmRecipe;
  readonly layer: HiddenLayer;
  readonly sums: Sums;
  /** (classes, hidden) */
  readonly priorWeights?: Float64Array;
}

/** The file is a copy: later learning does not change it. */
export function writeState({ identity, recipe, layer, sums, priorWeights }: OselmState): TensorFile {
  const { hidden } = recipe;
  const classes = identity.classes.length;
  const packed = packUpper(sums.gram, hidden);
  const tensors = new Map<string, Tensor>(writeHiddenLayer(layer));
  tensors.set("sums.gram", { dtype: "F64", shape: [packed.length], data: packed });
  tensors.set("sums.moments", { dtype: "F64", shape: [classes, hidden], data: sums.moments.slice() });
  tensors.set("sums.class_counts", { dtype: "F64", shape: [classes], data: sums.classCounts.slice() });
  if (priorWeights !== undefined) {
    tensors.set("prior.weight", { dtype: "F64", shape: [classes, hidden], data: priorWeights });
  }
  return writeHead({ kind: "oselm", identity, recipe }, tensors);
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function readState(file: TensorFile): OselmState {
  const header = readHeaderOf(file, "oselm");
  const names = ["sums.gram", "sums.moments", "sums.class_counts", "prior.weight"];
  refuseOtherTensors(file, [...hiddenTensorNames, ...names]);
  const { identity } = header;
  const { recipe, layer } = readHiddenLayer(file, header);
  const { hidden } = recipe;
  const classes = identity.classes.length;
  const gram = unpackUpper(readFloat64(file, "sums.gram", [(hidden * (hidden + 1)) / 2]), hidden);
  for (let j = 0; j < hidden; j++) {
    if (gram[j * hidden + j]! < 0) {
      throw new MlError("out-of-range", `Tensor "sums.gram": the square of hidden unit ${j} is negative`);
    }
  }
  const moments = readFloat64(file, "sums.moments", [classes, hidden]).slice();
  const classCounts = readFloat64(file, "sums.class_counts", [classes]).slice();
  if (classCounts.some((count) => !Number.isSafeInteger(count) || count < 0)) {
    throw new MlError("out-of-range", 'Tensor "sums.class_counts" holds something other than counts');
  }
  const count = classCounts.reduce((sum, value) => sum + value, 0);
  const sums: Sums = { gram, moments, classCounts, count };
  if (!file.tensors.has("prior.weight")) return { identity, recipe, layer, sums };
  return { identity, recipe, layer, sums, priorWeights: readFloat64(file, "prior.weight", [classes, hidden]) };
}

function packUpper(matrix: Float64Array, size: number): Float64Array {
  const packed = new Float64Array((size * (size + 1)) / 2);
  let at = 0;
  for (let i = 0; i < size; i++) {
    const part = matrix.subarray(i * size + i, (i + 1) * size);
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

function unpackUpper(packed: Float64Array, size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  let at = 0;
  for (let i = 0; i < size; i++) {
    matrix.set(packed.subarray(at, at + size - i), i * size + i);
    at += size - i;
  }
  return matrix;
}
