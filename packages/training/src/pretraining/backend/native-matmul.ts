// Repairs the matrix products of TensorFlow.js's wasm backend. The native addon multiplies if native/build.js could
// build it; else copies replace transposed matrices.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { isPresentSync } from "@attune/platform/presence";
import type { Tf } from "./tensorflow.js";

/**
 * y = a b for each matrix of a batch; sizes: batch, m, n, k, transposeA, transposeB. False if the sizes do
 * not fit the arrays.
 */
export type MatMul = (y: Float32Array, a: Float32Array, b: Float32Array, sizes: Int32Array) => boolean;

/** undefined if the addon was not built, or the processor lacks the instructions that it was built for. */
export function openNativeMatMul(): MatMul | undefined {
  const name = `matmul-${process.platform}-${process.arch}.node`;
  // Beside the compiled sources, because this file may also run from its source.
  const path = fileURLToPath(new URL(`../../../../../apps/server/dist/native/${name}`, import.meta.url));
  if (!isPresentSync(path)) return undefined;
  const addon = createRequire(import.meta.url)(path) as { readonly matMul?: MatMul };
  return addon.matMul;
}

type TensorInfo = import("@tensorflow/tfjs").TensorInfo;

/** The part of the library's BackendWasm that is used here. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: "float32"): TensorInfo;
  /** A view, valid until the next allocation. */
  typedArrayFromHeap(tensor: TensorInfo): Float32Array;
  disposeData(dataId: object): boolean;
}

interface Product {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly backend: WasmBackend;
}

/** Replaces the wasm backend's BatchMatMul; a second call replaces it again. */
export function registerMatMul(tf: Tf, native: MatMul | undefined): void {
  const original = originalKernel(tf);
  const transposed = transposedFirst(tf, original.kernelFunc);
  tf.unregisterKernel("BatchMatMul", "wasm");
  tf.registerKernel({
    ...original, // keeps the set-up that the library calls when the backend starts
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { transposeA, transposeB } = attrs as unknown as Product;
      const { a, b } = inputs as unknown as Product;
      const product = { a, b, transposeA, transposeB, backend: backend as WasmBackend };
      return (native && multiply(native, product)) ?? transposed(product);
    },
  });
}

type KernelConfig = import("@tensorflow/tfjs").KernelConfig;
const originalOf = Symbol.for("attune.original-mat-mul");

/**
 * The library's own kernel, kept on the library's object, so that a second registration does not take the first for it.
 */
function originalKernel(tf: Tf): KernelConfig {
  const holder = tf.engine() as unknown as { [originalOf]?: KernelConfig };
  holder[originalOf] ??= tf.getKernel("BatchMatMul", "wasm");
  return holder[originalOf];
}

/** undefined if one batch must be broadcast over the other's, which this function does not do. */
function multiply(native: MatMul, { a, b, transposeA, transposeB, backend }: Product): TensorInfo | undefined {
  const batchShape = a.shape.slice(0, -2);
  if (a.shape.length !== b.shape.length || batchShape.some((size, i) => size !== b.shape[i])) return undefined;
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const n = transposeB ? bRows : bColumns;
  const batch = batchShape.reduce((product, size) => product * size, 1);
  if (batch * m * n * k === 0) return undefined;
  const y = backend.makeOutput([...batchShape, m, n], "float32");
  const [to, left, right] = [y, a, b].map((tensor) => backend.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const sizes = Int32Array.of(batch, m, n, k, Number(transposeA), Number(transposeB));
  if (!native(to, left, right, sizes)) throw new Error(`a product of [${a.shape}] and [${b.shape}] does not fit`);
  return y;
}

/**
 * The library multiplies transposed matrices an order of magnitude slower than plain ones; a copy costs almost nothing.
 */
function transposedFirst(tf: Tf, original: KernelConfig["kernelFunc"]) {
  return ({ a, b, transposeA, transposeB, backend }: Product): TensorInfo => {
    const transpose = tf.getKernel("Transpose", "wasm").kernelFunc;
    const plain = (x: TensorInfo, isTransposed: boolean): TensorInfo => {
      if (!isTransposed) return x;
      const perm = x.shape.map((_, axis) => axis);
      [perm[perm.length - 1], perm[perm.length - 2]] = [perm.length - 2, perm.length - 1];
      return transpose({ inputs: { x }, backend, attrs: { perm } }) as TensorInfo;
    };
    const [left, right] = [plain(a, transposeA), plain(b, transposeB)];
    const attrs = { transposeA: false, transposeB: false };
    const y = original({ inputs: { a: left, b: right }, backend, attrs }) as TensorInfo;
    if (left !== a) backend.disposeData(left.dataId);
    if (right !== b) backend.disposeData(right.dataId);
    return y;
  };
}
