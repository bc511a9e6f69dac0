// AdamW in two forms. One form works on plain arrays and can update single rows of embeddings. The other form works in
// TensorFlow.js operations, where weights and moments stay on the backend.

import type { Tf } from "../backend/tensorflow.js";
import type { Tensor } from "../graphs/layers.js";

export interface Parameter {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Running mean and running square of the gradient (Kingma and Ba 2015). */
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

export function createParameter(shape: readonly number[], values: Float32Array): Parameter {
  return { shape, values, moment1: new Float32Array(values.length), moment2: new Float32Array(values.length) };
}

interface AdamStep {
  readonly learningRate: number;
  /** The decay is decoupled from the gradient (Loshchilov and Hutter 2019). */
  readonly weightDecay: number;
  /** The factor that clips the gradient's norm; it is applied first. */
  readonly gradientScale: number;
  /** Counts from 1: the moments start at zero and are corrected for that. */
  readonly step: number;
}

const adamBeta1 = 0.9;
const adamBeta2 = 0.999;
const epsilon = 1e-8;

/**
 * Updates `parameter` in place. With `rows`, gradient is (rows.length, width), and only those rows change, moments
 * included ("lazy" Adam). A word that is not in the batch costs nothing.
 */
export function adamUpdate(
  parameter: Parameter,
  gradient: Float32Array,
  options: AdamStep & { rows?: Int32Array },
): void {
  const { values, moment1, moment2, shape } = parameter;
  const { learningRate, weightDecay, gradientScale, step, rows } = options;
  const correction1 = 1 - adamBeta1 ** step;
  const correction2 = 1 - adamBeta2 ** step;
  const width = rows === undefined ? values.length : values.length / shape[0]!;
  const count = rows?.length ?? 1;
  if (gradient.length !== count * width) {
    throw new RangeError(`a gradient of ${gradient.length} values for ${count} x ${width}`);
  }
  for (let r = 0; r < count; r++) {
    const offset = rows === undefined ? 0 : rows[r]! * width;
    for (let j = 0; j < width; j++) {
      const i = offset + j;
      const g = gradient[r * width + j]! * gradientScale;
      const m = adamBeta1 * moment1[i]! + (1 - adamBeta1) * g;
      const v = adamBeta2 * moment2[i]! + (1 - adamBeta2) * g * g;
      moment1[i] = m;
      moment2[i] = v;
      const direction = m / correction1 / (Math.sqrt(v / correction2) + epsilon);
      values[i]! -= learningRate * (direction + weightDecay * values[i]!);
    }
  }
}

export type Variables = Map<string, ReturnType<Tf["variable"]>>;

/** Every weight but `except` as a tf.Variable under its own name. */
export function createVariables(tf: Tf, parameters: ReadonlyMap<string, Parameter>, except: string): Variables {
  const variables: Variables = new Map();
  for (const [name, { values, shape }] of parameters) {
    if (name !== except) variables.set(name, variableOf(tf, values, shape));
  }
  return variables;
}

/** A copy of `values` on the backend. */
function variableOf(tf: Tf, values: Float32Array, shape: readonly number[]): ReturnType<Tf["variable"]> {
  const initial = tf.tensor(values, [...shape]);
  const variable = tf.variable(initial);
  initial.dispose();
  return variable;
}

/** Parameters with values and moments on the backend; the arrays they were made of are out of date until `download`. */
export interface BackendParameters {
  readonly weights: Variables;
  /** One AdamW step of the named weight, as in `adamUpdate`. */
  update(name: string, gradient: Tensor, options: AdamStep): void;
  /** Brings the arrays up to date. */
  download(): void;
  dispose(): void;
}

export function createBackendParameters(
  tf: Tf,
  parameters: ReadonlyMap<string, Parameter>,
  except: string,
): BackendParameters {
  const weights = createVariables(tf, parameters, except);
  const moments = new Map(
    [...weights.keys()].map((name) => {
      const { moment1, moment2, shape } = parameters.get(name)!;
      return [name, { first: variableOf(tf, moment1, shape), second: variableOf(tf, moment2, shape) }];
    }),
  );
  return {
    weights,
    update(name, gradient, { learningRate, weightDecay, gradientScale, step }) {
      const weight = weights.get(name)!;
      const { first, second } = moments.get(name)!;
      tf.tidy(() => {
        const g = tf.mul(gradient, gradientScale);
        const m = tf.add(tf.mul(first, adamBeta1), tf.mul(g, 1 - adamBeta1));
        const v = tf.add(tf.mul(second, adamBeta2), tf.mul(tf.square(g), 1 - adamBeta2));
        const root = tf.add(tf.mul(tf.sqrt(v), 1 / Math.sqrt(1 - adamBeta2 ** step)), epsilon);
        const change = tf.div(tf.mul(m, learningRate / (1 - adamBeta1 ** step)), root);
        const decayed = weightDecay === 0 ? weight : tf.mul(weight, 1 - learningRate * weightDecay);
        first.assign(m);
        second.assign(v);
        weight.assign(tf.sub(decayed, change));
      });
    },
    download() {
      for (const [name, weight] of weights) {
        const { first, second } = moments.get(name)!;
        const { values, moment1, moment2 } = parameters.get(name)!;
        values.set(weight.dataSync() as Float32Array);
        moment1.set(first.dataSync() as Float32Array);
        moment2.set(second.dataSync() as Float32Array);
      }
    },
    dispose() {
      for (const weight of weights.values()) weight.dispose();
      for (const { first, second } of moments.values()) {
        first.dispose();
        second.dispose();
      }
    },
  };
}

/**
 * The factor for gradients with this sum of squares that limits their Euclidean norm to `largest`. NaN if the
 * sum is not finite.
 */
export function clippingScale(sumOfSquares: number, largest: number): number {
  if (!Number.isFinite(sumOfSquares)) return Number.NaN;
  const norm = Math.sqrt(sumOfSquares);
  return norm > largest ? largest / norm : 1;
}

/** Rises linearly to `peak` over the warm-up, then falls linearly to zero at `total`. `step` counts from 0. */
export function scheduledRate(step: number, { peak, total, warmupFraction }: Schedule): number {
  const warmup = Math.max(1, Math.round(total * warmupFraction));
  if (step < warmup) return (peak * (step + 1)) / warmup;
  return (peak * Math.max(0, total - step)) / Math.max(1, total - warmup);
}

interface Schedule {
  readonly peak: number;
  readonly total: number;
  readonly warmupFraction: number;
}
