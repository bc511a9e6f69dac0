// Opens TensorFlow.js: the native binding if it is installed, else WebAssembly. WebAssembly gets two repairs that
// training a transformer needs, with native matrix products if they could be built.

import { createRequire } from "node:module";
import util from "node:util";
import { type MatMul, openNativeMatMul, registerMatMul } from "./native-matmul.js";
import type { Tf } from "./tensorflow.js";

type BackendName = "tfjs-node" | "tfjs-wasm-native" | "tfjs-wasm";

export interface Backend {
  readonly name: BackendName;
  readonly tf: Tf;
}

/** `only` leaves no choice: "tfjs-wasm" skips everything native, "tfjs-node" fails if it is not installed. */
export async function openBackend(only?: BackendName): Promise<Backend> {
  if (only === undefined || only === "tfjs-node") {
    const native = await openNative(only === "tfjs-node");
    if (native !== undefined) return native;
  }
  return openWasm(only !== "tfjs-wasm");
}

// `require`, not `import`: Node cannot follow some imports of the packages' ECMAScript builds. The libraries start work
// when they are loaded, so they are loaded late.
async function openNative(required: boolean): Promise<Backend | undefined> {
  const require = createRequire(import.meta.url);
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  let tf: Tf;
  try {
    tf = require("@tensorflow/tfjs-node") as Tf;
  } catch (error) {
    // The optional dependency was dropped by npm, or installed without its binary (`npm ci --ignore-scripts`).
    if (required) throw error;
    return undefined;
  }
  await tf.ready();
  return { name: "tfjs-node", tf };
}

async function openWasm(allowNative: boolean): Promise<Backend> {
  const require = createRequire(import.meta.url);
  // The whole package, not tfjs-core: only the whole package registers the gradients.
  const tf = require("@tensorflow/tfjs") as Tf;
  require("@tensorflow/tfjs-backend-wasm");
  tf.enableProdMode(); // turns off checks of every value and an advertisement on stderr
  const matMul = allowNative ? openNativeMatMul() : undefined;
  repairWasm(tf, matMul);
  if (!(await tf.setBackend("wasm"))) throw new Error("TensorFlow.js could not start its WebAssembly backend");
  await tf.ready();
  return { name: matMul === undefined ? "tfjs-wasm" : "tfjs-wasm-native", tf };
}

/** Registers both repairs; a second call changes nothing but who multiplies. */
export function repairWasm(tf: Tf, matMul?: MatMul): void {
  registerMatMul(tf, matMul);
  if (tf.getKernel("UnsortedSegmentSum", "wasm") == null) {
    tf.registerKernel({
      kernelName: "UnsortedSegmentSum",
      backendName: "wasm",
      kernelFunc: ({ inputs, backend, attrs }) =>
        unsortedSegmentSum(tf, {
          x: inputs.x as SegmentSumInput["x"],
          segmentIds: inputs.segmentIds as SegmentSumInput["x"],
          segments: attrs!.numSegments as number,
          backend: backend as SegmentSumInput["backend"],
        }),
    });
  }
}

type TfTensorInfo = import("@tensorflow/tfjs").TensorInfo;

interface SegmentSumInput {
  readonly x: TfTensorInfo;
  readonly segmentIds: TfTensorInfo;
  readonly segments: number;
  readonly backend: {
    readSync(dataId: object): Float32Array | Int32Array;
    write(values: Float32Array, shape: number[], dtype: "float32"): object;
  };
}

/**
 * The kernel that the wasm backend lacks. It is the gradient of every gather, so of every embedding. x: (N, ...),
 * segmentIds: (N) → (segments, ...): the sum of x's rows per segment. As in TensorFlow, a negative id counts nowhere.
 */
function unsortedSegmentSum(tf: Tf, { x, segmentIds, segments, backend }: SegmentSumInput): TfTensorInfo {
  const values = backend.readSync(x.dataId);
  const ids = backend.readSync(segmentIds.dataId);
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const size = tf.util.sizeFromShape(rowShape);
  const sums = new Float32Array(segments * size);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id < 0 || id >= segments) continue;
    for (let j = 0; j < size; j++) sums[id * size + j]! += values[i * size + j]!;
  }
  const shape = [segments, ...rowShape];
  return { dataId: backend.write(sums, shape, "float32"), shape, dtype: "float32" };
}
