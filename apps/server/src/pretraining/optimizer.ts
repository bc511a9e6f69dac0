// AdamW on plain arrays: one pass per weight, moments that can be saved as they are, and updates of single rows for embeddings.

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

export interface AdamStep {
  readonly learningRate: number;
  /** Decoupled from the gradient (Loshchilov and Hutter 2019). */
  readonly weightDecay: number;
  /** What the gradient is multiplied with first: the clipping of its norm. */
  readonly gradientScale: number;
  /** Counted from 1: the moments start at zero and are corrected for it. */
  readonly step: number;
}

export const adamBeta1 = 0.9;
export const adamBeta2 = 0.999;
const epsilon = 1e-8;

/**
 * Updates `parameter` in place. With `rows`, gradient is (rows.length, width) and only those rows, moments included, change
 * ("lazy" Adam): a word that is not in the batch costs nothing.
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

/** What to multiply all gradients with so that their joint Euclidean norm is at most `largest`. NaN when a gradient is not finite. */
export function clippingScale(gradients: Iterable<Float32Array>, largest: number): number {
  let squares = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) squares += gradient[i]! * gradient[i]!;
  }
  if (!Number.isFinite(squares)) return Number.NaN;
  const norm = Math.sqrt(squares);
  return norm > largest ? largest / norm : 1;
}

/** Rises linearly to `peak` over the warm-up, then falls linearly to zero at `total`. `step` counts from 0. */
export function scheduledRate(step: number, { peak, total, warmupFraction }: Schedule): number {
  const warmup = Math.max(1, Math.round(total * warmupFraction));
  if (step < warmup) return (peak * (step + 1)) / warmup;
  return (peak * Math.max(0, total - step)) / Math.max(1, total - warmup);
}

export interface Schedule {
  readonly peak: number;
  readonly total: number;
  readonly warmupFraction: number;
}
