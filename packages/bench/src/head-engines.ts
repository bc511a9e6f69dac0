// The training of heads in each of our builds, for the tables of head training and of the closed forms.

import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { fitElm } from "@attune/ml/heads/elm";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { createOselm } from "@attune/ml/heads/oselm";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { nativeEngine, wasmEngine } from "./engines.js";

export interface HeadEngine {
  readonly name: "native" | "wasm" | "reference";
  /** Undefined if this build does not have it. */
  readonly kernels: HeadKernels | undefined;
}

export async function headEngines(): Promise<Record<HeadEngine["name"], HeadEngine>> {
  const native = await nativeEngine();
  return {
    native: { name: "native", kernels: native?.heads },
    wasm: { name: "wasm", kernels: wasmEngine().heads },
    reference: { name: "reference", kernels: referenceEngine.heads },
  };
}

interface ElmWork {
  readonly task: "elm" | "oselm";
  readonly hidden: number;
  readonly matrix: Matrix;
  readonly labels: Int32Array;
}

const classes = 7;

/** One fit, or one update of a head that holds all the rows. Undefined if this build does not have it. */
export function createElmBench({ kernels }: HeadEngine, { task, hidden, matrix, labels }: ElmWork) {
  if (kernels === undefined) return undefined;
  const identity = { features: "bench", classes: Array.from({ length: classes }, (_, i) => `class ${i}`) };
  const recipe = { hidden, activation: "sigmoid", l2: 1, seed: 1 } as const;
  if (task === "elm") return () => fitElm({ features: matrix, labels, identity, recipe, kernels });
  const head = createOselm({ identity, inputSize: matrix.cols, recipe, kernels });
  head.update(matrix, labels);
  const rows = Array.from({ length: matrix.rows }, (_, i) => ({
    features: createMatrix(1, matrix.cols, matrix.data.slice(i * matrix.cols, (i + 1) * matrix.cols)),
    label: labels.subarray(i, i + 1),
  }));
  let next = 0;
  return () => {
    const { features, label } = rows[next++ % rows.length]!;
    head.update(features, label);
    return head.outputWeights;
  };
}
