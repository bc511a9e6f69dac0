// The head kernels in plain TypeScript: the clear versions that the C kernels must equal, and the fallback where the
// C kernels cannot run.

import { MlError } from "../error.js";
import { createRankOneScratch, factorize, rankOneDowndate, rankOneUpdate, solveInPlace } from "../linalg/cholesky.js";
import { addGram, addOuterProduct } from "../linalg/gram.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { HeadKernels, LabelledMatrix, LinearWeights, OselmKernel, Projection } from "./head-kernels.js";
import { activate, addMoments, type HiddenLayer, outputScores } from "./hidden-layer.js";
import { descend } from "./mini-batch.js";
import { openAscent } from "./reference-ascent.js";
import { addCrossEntropy, blockRows, type Design, scoreRows, softmaxRow } from "./softmax.js";

export const referenceHeadKernels: HeadKernels = {
  descend,
  openRows: (design) => ({
    crossEntropy(weights, gradient) {
      gradient.fill(0);
      return addCrossEntropy(design, weights, gradient);
    },
    close: () => undefined,
  }),
  secondMoments,
  gram(x, size) {
    const sums = new Float64Array(size * size);
    addGram(sums, x, size);
    return sums;
  },
  factorize(matrix, size, ridge) {
    const cholesky = factorize(matrix, size, ridge);
    return { solveInPlace: (rhs) => solveInPlace(cholesky, rhs) };
  },
  softmax,
  elmSums,
  elmScores,
  openOselm,
  openAscent,
  project,
};

function secondMoments({ rows, width, x, importance }: Design): Float64Array {
  const gram = new Float64Array(width * width);
  for (let start = 0; start < rows; start += blockRows) {
    const count = Math.min(blockRows, rows - start);
    const block = new Float64Array(count * width);
    for (let i = 0; i < count; i++) {
      const factor = Math.sqrt(importance[start + i]! / rows);
      const from = (start + i) * width;
      for (let d = 0; d < width; d++) {
        block[i * width + d] = factor * x[from + d]!;
      }
    }
    addGram(gram, block, width);
  }
  return gram;
}

export function softmax({ rows, cols, data }: Matrix, { weight, bias }: LinearWeights): Matrix {
  const classes = bias.length;
  const scores = new Float64Array(rows * classes);
  scoreRows({ x: data, rows, width: cols, classes }, weight, scores);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < classes; c++) {
      scores[i * classes + c]! += bias[c]!;
    }
    softmaxRow(scores, i * classes, classes);
  }
  return createMatrix(rows, classes, Float32Array.from(scores));
}

const hiddenBlockRows = 256; // bounds the memory for hidden outputs, whatever N is

function elmSums(layer: HiddenLayer, { features, labels, classes }: LabelledMatrix) {
  const { hidden } = layer;
  const gram = new Float64Array(hidden * hidden);
  const moments = new Float64Array(classes * hidden);
  const { rows, cols, data } = features;
  for (let start = 0; start < rows; start += hiddenBlockRows) {
    const end = Math.min(start + hiddenBlockRows, rows);
    const h = activate(layer, createMatrix(end - start, cols, data.subarray(start * cols, end * cols)));
    addGram(gram, h, hidden);
    addMoments(moments, { h, labels: labels.subarray(start, end), hidden }, 1);
  }
  return { gram, moments };
}

function elmScores(layer: HiddenLayer, features: Matrix, outputWeights: Float64Array): Float64Array {
  const { hidden } = layer;
  const classes = outputWeights.length / hidden;
  const h = activate(layer, features);
  const scores = new Float64Array(features.rows * classes);
  for (let i = 0; i < features.rows; i++) {
    outputScores(outputWeights, h, { at: i * hidden, out: scores.subarray(i * classes, (i + 1) * classes) });
  }
  return scores;
}

function openOselm(layer: HiddenLayer, classes: number): OselmKernel {
  const { hidden } = layer;
  const gram = new Float64Array(hidden * hidden);
  const moments = new Float64Array(classes * hidden);
  const weights = new Float64Array(classes * hidden);
  const scratch = createRankOneScratch(hidden);
  const scores = new Float64Array(classes);
  let cholesky: ReturnType<typeof factorize> | undefined;

  /** W ← W ± A⁻¹ h (y - W h), with A after the change; returns false when the downdate is ill-posed. */
  function followRow(h: Float64Array, label: number, sign: 1 | -1): boolean {
    if (cholesky === undefined) throw new MlError("empty", "There is no solution to follow the rows: solve first");
    outputScores(weights, h, { at: 0, out: scores });
    if (sign === 1) rankOneUpdate(cholesky, h, scratch);
    else if (!rankOneDowndate(cholesky, h, scratch)) return false;
    for (let c = 0; c < classes; c++) {
      const error = (c === label ? 1 : 0) - scores[c]!;
      for (let j = 0; j < hidden; j++) {
        weights[c * hidden + j]! += error * scratch.gain[j]!;
      }
    }
    return true;
  }

  return {
    gram,
    moments,
    weights,
    solve(l2, priorWeights) {
      cholesky = factorize(gram, hidden, l2);
      for (let k = 0; k < weights.length; k++) {
        weights[k] = priorWeights === undefined ? moments[k]! : moments[k]! + l2 * priorWeights[k]!;
      }
      solveInPlace(cholesky, weights);
    },
    change(features, labels, { sign, follow }) {
      const h = activate(layer, features);
      const row = (i: number) => h.subarray(i * hidden, (i + 1) * hidden);
      addMoments(moments, { h, labels, hidden }, sign);
      if (sign === 1) addGram(gram, h, hidden);
      else for (let i = 0; i < labels.length; i++) addOuterProduct(gram, row(i), -1);
      let followed = 0;
      while (follow && followed < labels.length && followRow(row(followed), labels[followed]!, sign)) followed++;
      return followed;
    },
  };
}

export function project({ mean, scale, components }: Projection, features: Matrix): Matrix {
  const { rows, cols, data } = features;
  const result = createMatrix(rows, components?.rows ?? cols);
  const standardised = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    for (let d = 0; d < cols; d++) {
      standardised[d] = (data[i * cols + d]! - mean[d]!) / scale[d]!;
    }
    const out = result.data.subarray(i * result.cols, (i + 1) * result.cols);
    if (components === undefined) out.set(standardised);
    else projectRow(components.data, standardised, out);
  }
  return result;
}

/** out ← components · x, summed in float64; x: (D), components: (out.length, D). */
function projectRow(components: Float32Array, x: Float64Array, out: Float32Array): void {
  const size = x.length;
  for (let k = 0; k < out.length; k++) {
    const base = k * size;
    let even = 0;
    let odd = 0;
    let d = 0;
    for (; d + 2 <= size; d += 2) {
      even += components[base + d]! * x[d]!;
      odd += components[base + d + 1]! * x[d + 1]!;
    }
    if (d < size) even += components[base + d]! * x[d]!;
    out[k] = even + odd;
  }
}
