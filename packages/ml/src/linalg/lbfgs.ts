// L-BFGS finds the minimum of a smooth convex function from its value and gradient, in float64.

import { MlError } from "../error.js";

/** Writes the gradient at x into `gradient` and returns the value. Both arrays are as long as the start. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

interface LbfgsOptions {
  /** The search stops when the gradient's largest element is at most this. */
  readonly tolerance: number;
  readonly maxIterations?: number;
  /** Replaces g by an approximation of H⁻¹ g, in place. The approximation is positive definite and fixed. */
  readonly precondition?: (g: Float64Array) => void;
  /** Called once in each iteration. The callback stops the search by throwing. */
  readonly onIteration?: () => void;
}

export interface LbfgsResult {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradientNorm: number;
  readonly iterations: number;
  /** False when the tolerance was not reached: the iterations ran out, or no step lowered the value within rounding. */
  readonly converged: boolean;
}

const memory = 10;
const sufficientDecrease = 1e-4;
const curvature = 0.9;
const maxTrials = 40;

/**
 * Minimises `objective` from `start` (left untouched). Throws `not-finite` when the objective is not a number.
 * Sources: Nocedal and Wright, "Numerical Optimization", algorithm 7.4; the line search brackets as in Lewis and
 * Overton 2013 (weak Wolfe conditions).
 */
export function minimize(objective: Objective, start: Float64Array, options: LbfgsOptions): LbfgsResult {
  const n = start.length;
  const x = start.slice();
  const gradient = new Float64Array(n);
  let value = evaluate(objective, x, gradient);
  const history: Pair[] = [];
  const direction = new Float64Array(n);
  const trialX = new Float64Array(n);
  const trialGradient = new Float64Array(n);
  const maxIterations = options.maxIterations ?? 1000;
  let iterations = 0;
  let gradientNorm = largest(gradient);
  while (gradientNorm > options.tolerance && iterations < maxIterations) {
    options.onIteration?.();
    applyInverseHessian(history, gradient, { direction, precondition: options.precondition });
    let slope = dot(gradient, direction);
    if (!(slope < 0)) {
      // Rounding has spoilt the history, so the search starts again from the gradient.
      history.length = 0;
      applyInverseHessian(history, gradient, { direction, precondition: options.precondition });
      slope = dot(gradient, direction);
    }
    const firstStep = iterations === 0 && options.precondition === undefined ? Math.min(1, 1 / gradientNorm) : 1;
    const found = lineSearch(objective, { x, direction, value, slope, firstStep, trialX, trialGradient });
    if (found === undefined) break;
    remember(history, { x, trialX, gradient, trialGradient, precondition: options.precondition });
    x.set(trialX);
    gradient.set(trialGradient);
    value = found;
    gradientNorm = largest(gradient);
    iterations++;
  }
  return { x, value, gradientNorm, iterations, converged: gradientNorm <= options.tolerance };
}

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
  /** sᵀy / yᵀPy: the error in length of the initial metric P, according to the newest pair. */
  readonly scale: number;
}

type Precondition = ((g: Float64Array) => void) | undefined;

/** The two-loop recursion: direction ← -H⁻¹ gradient. */
function applyInverseHessian(
  history: readonly Pair[],
  gradient: Float64Array,
  { direction, precondition }: { direction: Float64Array; precondition: Precondition },
): void {
  const alphas: number[] = [];
  for (let i = 0; i < direction.length; i++) {
    direction[i] = -gradient[i]!;
  }
  for (let k = history.length - 1; k >= 0; k--) {
    const { s, y, rho } = history[k]!;
    const alpha = rho * dot(s, direction);
    alphas[k] = alpha;
    addScaled(direction, y, -alpha);
  }
  precondition?.(direction);
  const scale = history.at(-1)?.scale ?? 1;
  for (let i = 0; i < direction.length; i++) {
    direction[i]! *= scale;
  }
  for (let k = 0; k < history.length; k++) {
    const { s, y, rho } = history[k]!;
    addScaled(direction, s, alphas[k]! - rho * dot(y, direction));
  }
}

function remember(
  history: Pair[],
  step: {
    x: Float64Array;
    trialX: Float64Array;
    gradient: Float64Array;
    trialGradient: Float64Array;
    precondition: Precondition;
  },
): void {
  const s = step.trialX.map((after, i) => after - step.x[i]!);
  const y = step.trialGradient.map((after, i) => after - step.gradient[i]!);
  const product = dot(s, y);
  if (!(product > Number.EPSILON * dot(y, y))) return;
  const conditioned = y.slice();
  step.precondition?.(conditioned);
  history.push({ s, y, rho: 1 / product, scale: product / dot(y, conditioned) });
  if (history.length > memory) history.shift();
}

interface Line {
  readonly x: Float64Array;
  readonly direction: Float64Array;
  readonly value: number;
  readonly slope: number;
  readonly firstStep: number;
  readonly trialX: Float64Array;
  readonly trialGradient: Float64Array;
}

/**
 * Leaves the accepted point and its gradient in trialX and trialGradient, and returns its value; undefined
 * when no step helps.
 */
function lineSearch(objective: Objective, line: Line): number | undefined {
  const { x, direction, value, slope, trialX, trialGradient } = line;
  // Near the optimum the true decrease is below the value's rounding, so the slope alone decides there.
  const rounding = 4 * Number.EPSILON * Math.abs(value);
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let step = line.firstStep;
  for (let trial = 0; trial < maxTrials; trial++) {
    for (let i = 0; i < x.length; i++) {
      trialX[i] = x[i]! + step * direction[i]!;
    }
    const trialValue = evaluate(objective, trialX, trialGradient);
    if (trialValue > value + sufficientDecrease * step * slope + rounding) {
      high = step;
    } else if (dot(trialGradient, direction) < curvature * slope) {
      low = step;
    } else {
      return trialValue;
    }
    step = high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * step;
  }
  return undefined;
}

function evaluate(objective: Objective, x: Float64Array, gradient: Float64Array): number {
  const value = objective(x, gradient);
  if (!Number.isFinite(value)) throw new MlError("not-finite", `The loss became ${value}; the features are too large`);
  return value;
}

function dot(x: Float64Array, y: Float64Array): number {
  let s0 = 0;
  let s1 = 0;
  let i = 0;
  for (; i + 2 <= x.length; i += 2) {
    s0 += x[i]! * y[i]!;
    s1 += x[i + 1]! * y[i + 1]!;
  }
  if (i < x.length) s0 += x[i]! * y[i]!;
  return s0 + s1;
}

function addScaled(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) {
    x[i]! += factor * y[i]!;
  }
}

function largest(x: Float64Array): number {
  let result = 0;
  for (let i = 0; i < x.length; i++) {
    result = Math.max(result, Math.abs(x[i]!));
  }
  return result;
}
