// Moves the scores of one row towards its label as far as a quadratic pull allows: the one-row problem
// of dual coordinate ascent.

/** The row's scores without the row's own share, (classes), and the effect of one unit of its dual variable on them. */
export interface RowProblem {
  readonly scores: Float64Array;
  readonly label: number;
  /** Gain times the row's weight; at least 0. */
  readonly pull: number;
}

const maxSteps = 60;
const tolerance = 1e-14;

/**
 * Solves z = scores + pull · (one-hot(label) - softmax(z)), and writes one-hot(label) - softmax(z) to `residual`,
 * (classes), from whose values the search starts. Any finite input has exactly one solution. It is the minimum of
 * ‖z - scores‖² / 2 + pull · cross-entropy(z), which is strongly convex, so damped Newton steps find it from any start.
 * The Hessian is a diagonal plus rank 1, so a step takes O(classes).
 * Source: the sub-problem of Yu, Huang and Lin 2011, "Dual coordinate descent methods for logistic regression
 * and maximum entropy models".
 */
export function solveRow({ scores, label, pull }: RowProblem, residual: Float64Array): void {
  const classes = scores.length;
  const z = scores.map((score, c) => score + pull * residual[c]!);
  const trial = new Float64Array(classes);
  const step = new Float64Array(classes);
  let value = objective(z, { scores, label, pull }, residual);
  for (let turn = 0; turn < maxSteps; turn++) {
    // F = z - scores - pull · residual is the gradient; H = I + pull · (diag(p) - p pᵀ) with p = softmax(z).
    let largest = 0;
    let along = 0;
    let rest = 0;
    for (let c = 0; c < classes; c++) {
      const p = (c === label ? 1 : 0) - residual[c]!;
      const gradient = z[c]! - scores[c]! - pull * residual[c]!;
      largest = Math.max(largest, Math.abs(gradient));
      const curvature = 1 + pull * p;
      step[c] = gradient / curvature;
      along += p * step[c]!;
      rest += p / curvature;
    }
    if (!(largest > tolerance * (1 + pull))) return;
    let slope = 0;
    for (let c = 0; c < classes; c++) {
      const p = (c === label ? 1 : 0) - residual[c]!;
      step[c]! += (pull * p * along) / ((1 + pull * p) * rest);
      slope += step[c]! * (z[c]! - scores[c]! - pull * residual[c]!);
    }
    // Rounding hides a smaller descent from the comparison below, so the last step is taken unseen.
    const last = slope <= 1e-13 * (1 + Math.abs(value));
    let length = 1;
    for (;;) {
      for (let c = 0; c < classes; c++) trial[c] = z[c]! - length * step[c]!;
      const next = objective(trial, { scores, label, pull }, residual);
      if (last || next <= value - 1e-4 * length * slope || length < 1e-12) {
        value = next;
        break;
      }
      length /= 2;
    }
    z.set(trial);
    if (last) return;
  }
}

/** The objective at z; writes one-hot(label) - softmax(z) to `residual`. */
function objective(z: Float64Array, { scores, label, pull }: RowProblem, residual: Float64Array): number {
  let shift = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < z.length; c++) shift = Math.max(shift, z[c]!);
  let sum = 0;
  let distance = 0;
  for (let c = 0; c < z.length; c++) {
    const exponential = Math.exp(z[c]! - shift);
    residual[c] = -exponential;
    sum += exponential;
    distance += (z[c]! - scores[c]!) ** 2;
  }
  for (let c = 0; c < z.length; c++) residual[c]! /= sum;
  residual[label]! += 1;
  return distance / 2 + pull * (shift + Math.log(sum) - z[label]!);
}
