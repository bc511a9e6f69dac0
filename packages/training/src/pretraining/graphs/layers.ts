// The layers of every trainable encoder in TensorFlow.js operations, with written-out gradients if the library's own
// are slow on wasm.

import type { HiddenAct } from "@attune/ml/encoder/config";
import type { Random } from "@attune/ml/tensor/random";
import type * as tfTypes from "@tensorflow/tfjs";
import type { Tf } from "../backend/tensorflow.js";

export type Tensor = tfTypes.Tensor;
export type Tensor2D = tfTypes.Tensor2D;

/**
 * Sums over the rows: (N, C) → (C). A product with ones, because the wasm backend reduces an outer axis by
 * transposing the whole tensor.
 */
function columnSums(tf: Tf, x: Tensor2D): Tensor {
  return tf.matMul(tf.ones([1, x.shape[0]]), x).reshape([x.shape[1]]);
}

/** x: (N, I), weight: (O, I) in the order of PyTorch and Hugging Face, bias: (O) → x weight^T + bias: (N, O). */
export function dense(tf: Tf, x: Tensor2D, parameters: { weight: Tensor; bias: Tensor }): Tensor2D {
  const compute = tf.customGrad((...args) => {
    const [input, weight, bias, save] = args as unknown as [Tensor2D, Tensor2D, Tensor, (saved: Tensor[]) => void];
    save([input, weight]);
    return {
      value: tf.add(tf.matMul(input, weight, false, true), bias),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedInput, savedWeight] = saved as [Tensor2D, Tensor2D];
        const gradient = dy as Tensor2D;
        const weightGradient = tf.matMul(gradient, savedInput, true); // dW = dy^T x
        return [tf.matMul(gradient, savedWeight), weightGradient, columnSums(tf, gradient)];
      },
    };
  });
  return compute(x, parameters.weight, parameters.bias) as Tensor2D;
}

/**
 * Layer normalisation over the columns of x: (N, C) (Ba et al. 2016), then weight * x + bias. `epsilon` is
 * added to the variance.
 */
export function layerNorm(
  tf: Tf,
  x: Tensor2D,
  { weight, bias, epsilon }: { weight: Tensor; bias: Tensor; epsilon: number },
): Tensor2D {
  const compute = tf.customGrad((...args) => {
    const [input, scale, shift, save] = args as unknown as [Tensor2D, Tensor, Tensor, (saved: Tensor[]) => void];
    const centred = tf.sub(input, tf.mean(input, 1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon));
    const normal = tf.mul(centred, inverse);
    save([normal, inverse, scale]);
    return {
      value: tf.add(tf.mul(normal, scale), shift),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedNormal, savedInverse, savedScale] = saved as [Tensor2D, Tensor2D, Tensor];
        const product = tf.mul(dy, savedNormal) as Tensor2D;
        const scaled = tf.mul(dy, savedScale);
        // dx = (g - mean(g) - n mean(g n)) / sigma, with g = dy * weight and n the normalised input.
        const projected = tf.mul(savedNormal, tf.mean(tf.mul(product, savedScale), 1, true));
        const dx = tf.mul(tf.sub(tf.sub(scaled, tf.mean(scaled, 1, true)), projected), savedInverse);
        return [dx, columnSums(tf, product), columnSums(tf, dy as Tensor2D)];
      },
    };
  });
  return compute(x, weight, bias) as Tensor2D;
}

/** Scales and shifts the columns of x: (N, C): MobileBERT's "NoNorm" (Sun et al. 2020, equation 2). */
export function scaleAndShift(
  tf: Tf,
  x: Tensor2D,
  { weight, bias }: { readonly weight: Tensor; readonly bias: Tensor },
): Tensor2D {
  const compute = tf.customGrad((...args) => {
    const [input, scale, shift, save] = args as unknown as [Tensor2D, Tensor, Tensor, (saved: Tensor[]) => void];
    save([input, scale]);
    return {
      value: tf.add(tf.mul(input, scale), shift),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedInput, savedScale] = saved as [Tensor2D, Tensor];
        const gradient = dy as Tensor2D;
        return [tf.mul(gradient, savedScale), columnSums(tf, tf.mul(gradient, savedInput)), columnSums(tf, gradient)];
      },
    };
  });
  return compute(x, weight, bias) as Tensor2D;
}

/**
 * The feed-forward activation. One loop computes value and slope: faster than the library's own gradients, and the
 * same on every backend.
 */
export function activation(tf: Tf, x: Tensor2D, hiddenAct: HiddenAct): Tensor2D {
  const inPlace = { gelu: createGelu(), gelu_new: geluNewInPlace, relu: reluInPlace }[hiddenAct];
  const compute = tf.customGrad((...args) => {
    const [input, save] = args as unknown as [Tensor2D, (saved: Tensor[]) => void];
    const values = input.dataSync() as Float32Array;
    const slopes = new Float32Array(values.length);
    inPlace(values, slopes);
    const slope = tf.tensor(slopes, input.shape);
    save([slope]);
    return {
      value: tf.tensor(values, input.shape),
      gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, saved[0]!),
    };
  });
  return compute(x) as Tensor2D;
}

// GELU between -8 and 8 by linear interpolation in steps of 1/512: within 5e-7 of the function, at a fifth of its cost.
// Outside, GELU is 0 or x.
const [geluLimit, geluSteps] = [8, 512];

/** GELU in its exact form (Hendrycks and Gimpel 2016) and its slope, at every step from -8 to 8. */
function geluTable(): { readonly values: Float64Array; readonly slopes: Float64Array } {
  const size = 2 * geluLimit * geluSteps + 2;
  const [values, slopes] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < size; i++) {
    const x = i / geluSteps - geluLimit;
    const exponential = Math.exp(-0.5 * x * x);
    const t = 1 / (1 + 0.3275911 * Math.abs(x) * Math.SQRT1_2);
    // Phi by Abramowitz and Stegun 7.1.26: error below 1.5e-7.
    const polynomial =
      t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const upper = 1 - 0.5 * polynomial * exponential;
    const phi = x < 0 ? 1 - upper : upper;
    values[i] = x * phi;
    slopes[i] = phi + x * exponential * 0.3989422804014327;
  }
  return { values, slopes };
}

/** values: x on entry, x Phi(x) on return; slopes: Phi(x) + x phi(x). */
function createGelu(): (values: Float32Array, slopes: Float32Array) => void {
  const table = geluTable();
  return (values, slopes) => {
    for (let i = 0; i < values.length; i++) {
      const x = values[i]!;
      if (x > -geluLimit && x < geluLimit) {
        const place = (x + geluLimit) * geluSteps;
        const below = place | 0;
        const share = place - below;
        const [value, slope] = [table.values[below]!, table.slopes[below]!];
        values[i] = value + share * (table.values[below + 1]! - value);
        slopes[i] = slope + share * (table.slopes[below + 1]! - slope);
      } else {
        // NaN stays NaN.
        values[i] = x <= -geluLimit ? 0 : x;
        slopes[i] = x <= -geluLimit ? 0 : 1;
      }
    }
  };
}

/** GELU's tanh form: x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). */
function geluNewInPlace(values: Float32Array, slopes: Float32Array): void {
  const scale = Math.sqrt(2 / Math.PI);
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    const tanh = Math.tanh(scale * (x + 0.044715 * x * x * x));
    values[i] = 0.5 * x * (1 + tanh);
    slopes[i] = 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * scale * (1 + 3 * 0.044715 * x * x);
  }
}

function reluInPlace(values: Float32Array, slopes: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    slopes[i] = values[i]! > 0 ? 1 : 0;
    values[i] = Math.max(0, values[i]!);
  }
}

/**
 * hidden: (B, T, H), mask: (B * T) → (B, H): each feature's maximum over the sentence's real tokens. The gradient
 * goes to the first token with the maximum. The library's own gradient compares whole tensors several times, at
 * thirty times the cost.
 */
export function maxOverTokens(tf: Tf, hidden: Tensor, mask: Float32Array): Tensor2D {
  const [B, T, H] = hidden.shape as [number, number, number];
  const compute = tf.customGrad((...args) => {
    const values = (args[0] as Tensor).dataSync() as Float32Array;
    const maxima = new Float32Array(B * H).fill(Number.NEGATIVE_INFINITY);
    const places = new Int32Array(B * H);
    for (let b = 0; b < B; b++) {
      for (let t = 0; t < T; t++) {
        if (mask[b * T + t] === 0) continue;
        const start = (b * T + t) * H;
        for (let j = 0; j < H; j++) {
          if (values[start + j]! > maxima[b * H + j]!) {
            maxima[b * H + j] = values[start + j]!;
            places[b * H + j] = start + j;
          }
        }
      }
    }
    return {
      value: tf.tensor(maxima, [B, H]),
      gradFunc: (dy: Tensor) => {
        const gradient = dy.dataSync();
        const dx = new Float32Array(B * T * H);
        for (const [i, place] of places.entries()) dx[place] = gradient[i]!;
        return tf.tensor(dx, [B, T, H]);
      },
    };
  });
  return compute(hidden) as Tensor2D;
}

/**
 * Zeroes about `rate` (in steps of 1/256) of the values and scales the rest, so that the mean stays the same. Without
 * `random` it does nothing.
 */
export function dropout(tf: Tf, x: Tensor2D, { rate, random }: { rate: number; random: Random | undefined }): Tensor2D {
  const threshold = Math.round(rate * 256);
  if (random === undefined || threshold === 0) return x;
  const mask = new Float32Array(x.size);
  const scale = 256 / (256 - threshold);
  // Marsaglia's xorshift32 (2003): masks need many bits, but no fine ones. Each number gives four draws of one byte.
  let state = 1 + Math.floor(random.next() * 4294967295);
  for (let i = 0; i < mask.length; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    let bits = state;
    for (let j = i; j < i + 4 && j < mask.length; j++) {
      if ((bits & 255) >= threshold) mask[j] = scale;
      bits >>>= 8;
    }
  }
  return tf.mul(x, tf.tensor(mask, x.shape));
}
