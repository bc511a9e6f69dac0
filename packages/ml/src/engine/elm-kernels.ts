// ELM and OSELM in the C kernels: hidden layers, sums over their outputs, and the solution that follows
// one row after another.

import { MlError } from "../error.js";
import type { ElmSums, HeadKernels, LabelledMatrix, OselmKernel } from "../heads/head-kernels.js";
import type { HiddenLayer } from "../heads/hidden-layer.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { factorizeInPlace, padding } from "./factorize.js";
import type { HeadCore } from "./head-core.js";

/** The limit bounds the memory for hidden outputs, whatever the number of rows. */
const maxRows = 64;

export function createElmKernels(core: HeadCore): Pick<HeadKernels, "elmSums" | "elmScores" | "openOselm"> {
  const arrange = createArranger();
  return {
    elmSums: (layer, rows) => elmSums(core, arrange(layer), rows),
    elmScores: (layer, features, outputWeights) => elmScores(core, arrange(layer), { features, outputWeights }),
    openOselm: (layer, classes) => holdRows(core, arrange(layer), classes).kernel,
  };
}

/** A hidden layer as the kernels read it: in panels of eight units side by side. Zeros pad the last panel. */
interface Arranged {
  readonly hidden: number;
  readonly inputSize: number;
  readonly padded: number;
  readonly activation: 0 | 1;
  /** (padded / 8, inputSize, 8) */
  readonly weight: Float32Array;
  /** (padded) */
  readonly bias: Float32Array;
}

function createArranger(): (layer: HiddenLayer) => Arranged {
  const known = new WeakMap<HiddenLayer, Arranged>();
  return (layer) => {
    const arranged = known.get(layer) ?? arrange(layer);
    known.set(layer, arranged);
    return arranged;
  };
}

function arrange({ hidden, inputSize, activation, weight, bias }: HiddenLayer): Arranged {
  const padded = Math.ceil(hidden / padding) * padding;
  const panels = new Float32Array(inputSize * padded);
  for (let j = 0; j < hidden; j++) {
    const to = Math.floor(j / padding) * inputSize * padding + (j % padding);
    for (let d = 0; d < inputSize; d++) panels[to + d * padding] = weight[j * inputSize + d]!;
  }
  const paddedBias = new Float32Array(padded);
  paddedBias.set(bias);
  return { hidden, inputSize, padded, activation: activation === "tanh" ? 1 : 0, weight: panels, bias: paddedBias };
}

function elmSums(core: HeadCore, layer: Arranged, { features, labels, classes }: LabelledMatrix): ElmSums {
  const { kernel, close } = holdRows(core, layer, classes);
  try {
    kernel.change(features, labels, { sign: 1, follow: false });
    return { gram: kernel.gram.slice(), moments: kernel.moments.slice() };
  } finally {
    close();
  }
}

function elmScores(
  core: HeadCore,
  layer: Arranged,
  { features, outputWeights }: { features: Matrix; outputWeights: Float64Array },
): Float64Array {
  const { hidden, inputSize, activation } = layer;
  const { rows, data } = features;
  const classes = outputWeights.length / hidden;
  const result = new Float64Array(rows * classes);
  const most = Math.min(rows, maxRows);
  const memory = core.open({
    h: [Float64Array, most * hidden],
    weights: [Float64Array, classes * hidden],
    scores: [Float64Array, most * classes],
    x: [Float32Array, most * inputSize],
    weight: [Float32Array, layer.weight.length],
    bias: [Float32Array, layer.padded],
  });
  try {
    const { h, weights, scores, x, weight, bias } = memory.arrays;
    weight.set(layer.weight);
    bias.set(layer.bias);
    weights.set(outputWeights);
    for (let start = 0; start < rows; start += most) {
      const count = Math.min(most, rows - start);
      const [own, outputs, out] = [
        x.subarray(0, count * inputSize),
        h.subarray(0, count * hidden),
        scores.subarray(0, count * classes),
      ];
      own.set(data.subarray(start * inputSize, (start + count) * inputSize));
      memory.call("activate", [count, inputSize, hidden, activation], [own, weight, bias, outputs]);
      memory.call("scores", [count, hidden, classes], [outputs, weights, out]);
      result.set(out, start * classes);
    }
    return result;
  } finally {
    memory.close();
  }
}

/** An OSELM head keeps this memory as long as it lives, so that a row costs one call. */
function holdRows(core: HeadCore, layer: Arranged, classes: number): { kernel: OselmKernel; close: () => void } {
  const { hidden, inputSize, activation } = layer;
  const memory = core.open({
    gram: [Float64Array, hidden * hidden],
    upper: [Float64Array, hidden * hidden],
    pivots: [Float64Array, hidden],
    moments: [Float64Array, classes * hidden],
    weights: [Float64Array, classes * hidden],
    scratch: [Float64Array, Math.max(2 * hidden + classes, padding * hidden)],
    h: [Float64Array, maxRows * hidden],
    x: [Float32Array, maxRows * inputSize],
    rowLabels: [Int32Array, maxRows],
    weight: [Float32Array, layer.weight.length],
    bias: [Float32Array, layer.padded],
  });
  const { gram, upper, pivots, moments, weights, scratch, h, x, rowLabels, weight, bias } = memory.arrays;
  const changeScratch = scratch.subarray(0, 2 * hidden + classes);
  const solveScratch = scratch.subarray(0, padding * hidden);
  gram.fill(0);
  moments.fill(0);
  weights.fill(0);
  weight.set(layer.weight);
  bias.set(layer.bias);
  let solved = false;

  function changeBlock({ data, rows }: Matrix, labels: Int32Array, how: { sign: 1 | -1; follow: boolean }): number {
    const own = x.subarray(0, rows * inputSize);
    const ownLabels = rowLabels.subarray(0, rows);
    own.set(data);
    ownLabels.set(labels);
    const numbers = [rows, inputSize, hidden, activation, classes, how.sign, how.follow ? 1 : 0];
    const arrays = [own, ownLabels, weight, bias, h.subarray(0, rows * hidden)];
    arrays.push(gram, moments, upper, pivots, weights, changeScratch);
    return memory.call("change", numbers, arrays);
  }

  const kernel: OselmKernel = {
    gram,
    moments,
    weights,
    solve(l2, priorWeights) {
      solved = false;
      upper.set(gram);
      const factorize = (smallest: number) => memory.call("factorize", [hidden, smallest], [upper, pivots]);
      factorizeInPlace(factorize, { upper, size: hidden, ridge: l2 });
      weights.set(moments);
      if (priorWeights !== undefined) {
        for (let k = 0; k < weights.length; k++) weights[k]! += l2 * priorWeights[k]!;
      }
      memory.call("solve", [hidden, classes], [upper, pivots, weights, solveScratch]);
      solved = true;
    },
    change(features, labels, { sign, follow }) {
      if (follow && !solved) throw new MlError("empty", "There is no solution to follow the rows: solve first");
      let followed = 0;
      for (let start = 0; start < features.rows; start += maxRows) {
        const end = Math.min(start + maxRows, features.rows);
        const rows = createMatrix(end - start, inputSize, features.data.subarray(start * inputSize, end * inputSize));
        // After a refused downdate the solution no longer follows, but the sums must.
        const still = follow && followed === start;
        followed += changeBlock(rows, labels.subarray(start, end), { sign, follow: still });
      }
      return followed;
    },
  };
  return { kernel, close: () => memory.close() };
}
