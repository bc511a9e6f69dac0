// The hidden layer of ELM and OSELM. It is random and never trained, and its outputs are rounded to a grid so that sums
// over rows are exact.

import { MlError } from "../error.js";
import { readFloat32, readMatrixShape } from "../tensor/fields.js";
import type { Matrix } from "../tensor/matrix.js";
import { createRandom } from "../tensor/random.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { checkNotNegative, checkWhole } from "./examples.js";
import { type HeadHeader, recipeChoice, recipeNumber } from "./head-file.js";

const activations = ["sigmoid", "tanh"] as const;

export interface ElmRecipe {
  /** The number of hidden units. */
  readonly hidden: number;
  readonly activation: (typeof activations)[number];
  /** The regularisation of the sum over rows: training minimises Σ‖y - W h‖² + l2 ‖W - W₀‖². */
  readonly l2: number;
  /** The seed of the hidden layer. */
  readonly seed: number;
}

export interface HiddenLayer {
  readonly activation: ElmRecipe["activation"];
  readonly hidden: number;
  readonly inputSize: number;
  /** (hidden, inputSize), from N(0, 1/inputSize): standardised features then give sums of variance 1. */
  readonly weight: Float32Array;
  /** (hidden), uniform in [-1, 1). */
  readonly bias: Float32Array;
}

/**
 * Outputs are multiples of 2⁻¹⁶ in [-1, 1], so products are multiples of 2⁻³². Sums over up to 2²¹ rows are then exact
 * in float64, in any order. A row that was added and later taken away leaves no trace, to the last bit. The rounding is
 * far below the information in the features.
 */
const grid = 65536;

export function createHiddenLayer(recipe: ElmRecipe, inputSize: number): HiddenLayer {
  const { hidden, activation, seed } = recipe;
  const random = createRandom(seed);
  const scale = 1 / Math.sqrt(inputSize);
  const weight = Float32Array.from({ length: hidden * inputSize }, () => scale * random.normal());
  const bias = Float32Array.from({ length: hidden }, () => 2 * random.next() - 1);
  return { activation, hidden, inputSize, weight, bias };
}

/** (N, inputSize) to (N, hidden), on the grid. Four units share each load of a feature. */
export function activate(layer: HiddenLayer, { rows, data }: Matrix): Float64Array {
  const { hidden, inputSize, weight, bias } = layer;
  const out = new Float64Array(rows * hidden);
  const whole = hidden - (hidden % 4);
  for (let i = 0; i < rows; i++) {
    const x = i * inputSize;
    for (let j = 0; j < whole; j += 4) {
      const w0 = j * inputSize;
      const w1 = w0 + inputSize;
      const w2 = w1 + inputSize;
      const w3 = w2 + inputSize;
      let s0 = bias[j]!;
      let s1 = bias[j + 1]!;
      let s2 = bias[j + 2]!;
      let s3 = bias[j + 3]!;
      for (let d = 0; d < inputSize; d++) {
        const value = data[x + d]!;
        s0 += value * weight[w0 + d]!;
        s1 += value * weight[w1 + d]!;
        s2 += value * weight[w2 + d]!;
        s3 += value * weight[w3 + d]!;
      }
      const base = i * hidden + j;
      out[base] = s0;
      out[base + 1] = s1;
      out[base + 2] = s2;
      out[base + 3] = s3;
    }
    for (let j = whole; j < hidden; j++) {
      let sum = bias[j]!;
      for (let d = 0; d < inputSize; d++) {
        sum += data[x + d]! * weight[j * inputSize + d]!;
      }
      out[i * hidden + j] = sum;
    }
  }
  if (layer.activation === "tanh") {
    for (let k = 0; k < out.length; k++) {
      out[k] = onGrid(2 * sigmoid(2 * out[k]!) - 1);
    }
  } else {
    for (let k = 0; k < out.length; k++) {
      out[k] = onGrid(sigmoid(out[k]!));
    }
  }
  return out;
}

/** Adding and then subtracting 1.5 · 2⁵² rounds to a whole number, to the even one when halfway. */
const rounding = 6755399441055744;

function onGrid(value: number): number {
  return (value * grid + rounding - rounding) / grid;
}

function sigmoid(x: number): number {
  return 1 / (1 + exponential(-x));
}

/** 2^n for n from -1010 to 1010. */
const powersOfTwo = Float64Array.from({ length: 2021 }, (_, i) => 2 ** (i - 1010));

/**
 * e^x within a relative error of 3e-16 for |x| ≤ 700; beyond that, e^±700. The method is Cephes' exp (Moshier 1984).
 * Hosts differ in `Math.exp`. This function uses nothing but additions, multiplications and one division in a fixed
 * order, so the C kernels (vector-double.h) give the same bits.
 */
function exponential(x: number): number {
  const within = x > 700 ? 700 : x < -700 ? -700 : x;
  const n = within * Math.LOG2E + rounding - rounding;
  const r = within - n * 0.693145751953125 - n * 1.4286068203094173e-6;
  const s = r * r;
  const p = r * ((0.00012617719307481058 * s + 0.030299440770744195) * s + 1);
  const q = ((3.0019850513866446e-6 * s + 0.002524483403496841) * s + 0.22726554820815503) * s + 2;
  return (1 + 2 * (p / (q - p))) * powersOfTwo[n + 1010]!;
}

/** moments (classes, hidden) += sign · Σ one-hot(label) hᵀ. */
export function addMoments(
  moments: Float64Array,
  { h, labels, hidden }: { h: Float64Array; labels: Int32Array; hidden: number },
  sign: 1 | -1,
): void {
  for (let i = 0; i < labels.length; i++) {
    const to = labels[i]! * hidden;
    for (let j = 0; j < hidden; j++) {
      moments[to + j]! += sign * h[i * hidden + j]!;
    }
  }
}

/** W · h for one row of hidden outputs, which begins at `at`: (classes, hidden) to (classes). */
export function outputScores(
  weights: Float64Array,
  h: Float64Array,
  { at, out }: { at: number; out: Float64Array },
): void {
  const hidden = weights.length / out.length;
  for (let c = 0; c < out.length; c++) {
    const w = c * hidden;
    let even = 0;
    let odd = 0;
    let j = 0;
    for (; j + 2 <= hidden; j += 2) {
      even += weights[w + j]! * h[at + j]!;
      odd += weights[w + j + 1]! * h[at + j + 1]!;
    }
    if (j < hidden) even += weights[w + j]! * h[at + j]!;
    out[c] = even + odd;
  }
}

export function checkElmRecipe(recipe: ElmRecipe): void {
  checkWhole("hidden", recipe.hidden, [1, 8192]);
  checkNotNegative("l2", recipe.l2);
  checkWhole("seed", recipe.seed, [0, Number.MAX_SAFE_INTEGER]);
  if (!activations.includes(recipe.activation)) {
    throw new MlError("out-of-range", `activation is ${recipe.activation}; it must be ${activations.join(" or ")}`);
  }
}

export const hiddenTensorNames = ["hidden.weight", "hidden.bias"] as const;

/** The layer is stored and not created again from its seed, because hosts' logarithms differ in the last bit. */
export function writeHiddenLayer({ hidden, inputSize, weight, bias }: HiddenLayer): [string, Tensor][] {
  return [
    ["hidden.weight", { dtype: "F32", shape: [hidden, inputSize], data: weight }],
    ["hidden.bias", { dtype: "F32", shape: [hidden], data: bias }],
  ];
}

/** Throws `malformed`, `shape`, `not-finite` or `out-of-range`, naming the field. */
export function readHiddenLayer(file: TensorFile, header: HeadHeader): { recipe: ElmRecipe; layer: HiddenLayer } {
  const recipe: ElmRecipe = {
    hidden: recipeNumber(header, "hidden"),
    activation: recipeChoice(header, "activation", activations),
    l2: recipeNumber(header, "l2"),
    seed: recipeNumber(header, "seed"),
  };
  checkElmRecipe(recipe);
  const { hidden, activation } = recipe;
  const [, inputSize] = readMatrixShape(file, "hidden.weight");
  const weight = readFloat32(file, "hidden.weight", [hidden, inputSize]);
  const bias = readFloat32(file, "hidden.bias", [hidden]);
  return { recipe, layer: { activation, hidden, inputSize, weight, bias } };
}
