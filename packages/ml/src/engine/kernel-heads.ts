// Trains heads and computes their predictions in the C kernels. Each job places its arrays where the kernels reach
// them, then calls the functions of packages/ml/kernels/heads/call.h. Twins: ../heads/reference-head-kernels.ts.

import { MlError } from "../error.js";
import type { Factor, HeadKernels, LinearWeights, OpenRows, Projection } from "../heads/head-kernels.js";
import type { Descent } from "../heads/mini-batch.js";
import * as reference from "../heads/reference-head-kernels.js";
import type { Design } from "../heads/softmax.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import { createElmKernels } from "./elm-kernels.js";
import { factorizeInPlace, padding } from "./factorize.js";
import type { HeadCore } from "./head-core.js";
import { openAscent } from "./kernel-ascent.js";

/** The number of rows of float64 work that the kernels take at once. */
const blockRows = 32;
/** Fewer rows than this are predicted in plain TypeScript. */
const minRows = 4;

export function createHeadKernels(core: HeadCore): HeadKernels {
  return {
    descend: (descent) => descend(core, descent),
    openRows: (design) => openRows(core, design),
    secondMoments: (design) => secondMoments(core, design),
    gram: (x, size) => gram(core, x, size),
    factorize: (matrix, size, ridge = 0) => factorize(core, { matrix, size, ridge }),
    softmax: (features, weights) => softmax(core, features, weights),
    ...createElmKernels(core),
    openAscent: (variances, classes) => openAscent(core, variances, classes),
    project: (projection, features) => project(core, projection, features),
  };
}

function descend(core: HeadCore, { design, penalty, recipe, random, onEpoch }: Descent): Float64Array {
  const { rows, width, classes } = design;
  const padded = Math.ceil(classes / padding) * padding;
  const batch = Math.min(recipe.batchSize, rows);
  const size = width * padded;
  const memory = core.open({
    x: [Float32Array, rows * width],
    labels: [Int32Array, rows],
    importance: [Float32Array, rows],
    order: [Int32Array, rows],
    centre: [Float32Array, size],
    weights: [Float32Array, size],
    scratch: [Float32Array, 3 * size + batch * padded],
  });
  try {
    const { x, labels, importance, order, centre, weights, scratch } = memory.arrays;
    x.set(design.x);
    labels.set(design.labels);
    importance.set(design.importance);
    for (let i = 0; i < rows; i++) order[i] = i;
    centre.fill(0);
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < width; d++) centre[d * padded + c] = penalty.centre[c * width + d]!;
    }
    weights.set(centre);
    scratch.fill(0, 0, 3 * size);
    const arrays = [x, labels, importance, order, centre, weights, scratch];
    const optimizer = recipe.optimizer === "adam" ? 1 : 0;
    const steps = Math.ceil(rows / batch);
    for (let epoch = 0; epoch < recipe.epochs; epoch++) {
      onEpoch();
      random.shuffle(order);
      const { learningRate } = recipe;
      const taken = Math.min(epoch * steps, 2 ** 31 - 1);
      const numbers = [rows, width, classes, batch, optimizer, taken, learningRate, penalty.l2, penalty.biasL2];
      if (memory.call("epoch", numbers, arrays) !== 1) {
        throw new MlError("not-finite", `The weights diverged in epoch ${epoch + 1}; use a smaller learning rate`);
      }
    }
    const learned = new Float64Array(classes * width);
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < width; d++) learned[c * width + d] = weights[d * padded + c]!;
    }
    return learned;
  } finally {
    memory.close();
  }
}

function openRows(core: HeadCore, design: Design): OpenRows {
  const { rows, width, classes } = design;
  const memory = core.open({
    importance: [Float64Array, rows],
    weights: [Float64Array, classes * width],
    gradient: [Float64Array, classes * width],
    residuals: [Float64Array, blockRows * classes],
    x: [Float32Array, rows * width],
    labels: [Int32Array, rows],
  });
  const { x, labels, importance, weights, gradient, residuals } = memory.arrays;
  x.set(design.x);
  labels.set(design.labels);
  importance.set(design.importance);
  const numbers = [rows, width, classes];
  const arrays = [x, labels, importance, weights, gradient, residuals];
  return {
    crossEntropy(given, out) {
      weights.set(given);
      const loss = memory.call("crossEntropy", numbers, arrays);
      out.set(gradient);
      return loss;
    },
    close: () => memory.close(),
  };
}

function secondMoments(core: HeadCore, { rows, width, x, importance }: Design): Float64Array {
  const most = Math.min(rows, 2 * blockRows);
  const memory = core.open({ block: [Float64Array, most * width], sums: [Float64Array, width * width] });
  try {
    const { block, sums } = memory.arrays;
    sums.fill(0);
    for (let start = 0; start < rows; start += most) {
      const count = Math.min(most, rows - start);
      for (let i = 0; i < count; i++) {
        const factor = Math.sqrt(importance[start + i]! / rows);
        const from = (start + i) * width;
        for (let d = 0; d < width; d++) block[i * width + d] = factor * x[from + d]!;
      }
      memory.call("gram", [count, width], [block.subarray(0, count * width), sums]);
    }
    return sums.slice();
  } finally {
    memory.close();
  }
}

function gram(core: HeadCore, given: Float64Array, size: number): Float64Array {
  const rows = given.length / size;
  if (!Number.isSafeInteger(rows) || rows < 1 || size < 1) {
    throw new MlError("shape", `${given.length} values are no rows of ${size}`);
  }
  const memory = core.open({ x: [Float64Array, given.length], sums: [Float64Array, size * size] });
  try {
    const { x, sums } = memory.arrays;
    x.set(given);
    sums.fill(0);
    memory.call("gram", [rows, size], [x, sums]);
    return sums.slice();
  } finally {
    memory.close();
  }
}

function factorize(
  core: HeadCore,
  { matrix, size, ridge }: { matrix: Float64Array; size: number; ridge: number },
): Factor {
  if (matrix.length !== size * size || size < 1) {
    throw new MlError("shape", `A ${size} x ${size} matrix needs ${size * size} values, not ${matrix.length}`);
  }
  const memory = core.open({
    upper: [Float64Array, size * size],
    pivots: [Float64Array, size],
    rhs: [Float64Array, size * padding],
    scratch: [Float64Array, size * padding],
  });
  const { upper, pivots, rhs, scratch } = memory.arrays;
  upper.set(matrix);
  factorizeInPlace((smallest) => memory.call("factorize", [size, smallest], [upper, pivots]), { upper, size, ridge });
  return {
    solveInPlace(given) {
      for (let start = 0; start < given.length; start += rhs.length) {
        const part = given.subarray(start, start + rhs.length);
        const own = rhs.subarray(0, part.length);
        own.set(part);
        memory.call("solve", [size, part.length / size], [upper, pivots, own, scratch]);
        part.set(own);
      }
    },
  };
}

function softmax(core: HeadCore, { rows, cols, data }: Matrix, given: LinearWeights): Matrix {
  const classes = given.bias.length;
  // A single prediction takes less time than laying the arrays out.
  if (rows < minRows) return reference.softmax({ rows, cols, data }, given);
  const result = createMatrix(rows, classes);
  const memory = core.open({
    weight: [Float64Array, classes * cols],
    bias: [Float64Array, classes],
    scores: [Float64Array, blockRows * classes],
    x: [Float32Array, rows * cols],
    probabilities: [Float32Array, rows * classes],
  });
  try {
    const { x, weight, bias, scores, probabilities } = memory.arrays;
    x.set(data);
    weight.set(given.weight);
    bias.set(given.bias);
    memory.call("softmax", [rows, cols, classes], [x, weight, bias, scores, probabilities]);
    result.data.set(probabilities);
    return result;
  } finally {
    memory.close();
  }
}

function project(core: HeadCore, { mean, scale, components }: Projection, { rows, cols, data }: Matrix): Matrix {
  if (rows < minRows) {
    return reference.project({ mean, scale, ...(components && { components }) }, { rows, cols, data });
  }
  const outputSize = components?.rows ?? 0;
  const result = createMatrix(rows, outputSize === 0 ? cols : outputSize);
  const memory = core.open({
    means: [Float64Array, cols],
    scales: [Float64Array, cols],
    scratch: [Float64Array, padding * (cols + outputSize)],
    x: [Float32Array, rows * cols],
    axes: [Float32Array, components?.data.length ?? 1],
    out: [Float32Array, result.data.length],
  });
  try {
    const { x, means, scales, axes, out, scratch } = memory.arrays;
    x.set(data);
    means.set(mean);
    scales.set(scale);
    if (components !== undefined) axes.set(components.data);
    memory.call("project", [rows, cols, outputSize], [x, means, scales, axes, out, scratch]);
    result.data.set(out);
    return result;
  } finally {
    memory.close();
  }
}
