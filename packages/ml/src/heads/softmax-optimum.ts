// The optimum of the linear head's objective: L-BFGS in a metric that knows how the features correlate.
import { factorize, invert } from "../linalg/cholesky.js";
import { addGram } from "../linalg/gram.js";
import { type LbfgsResult, minimize } from "../linalg/lbfgs.js";
import { addCrossEntropy, addPenalty, blockRows, type Design, type Penalty, scoreRows } from "./softmax.js";

/** XᵀX weighted by importance and divided by the rows, (width, width), upper triangle. */
export function secondMoments({ rows, width, x, importance }: Design): Float64Array {
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

/** Replaces a gradient (classes, width) by the step that the metric suggests, in place. */
export type Metric = (gradient: Float64Array) => void;

/**
 * Half the features' second moments plus the penalty: Böhning's bound on the Hessian (1992, "Multinomial logistic regression algorithm").
 * Features correlate strongly; in this metric the number of iterations does not depend on how strongly. It only guides the search and may
 * come from other rows than those fitted, so it is kept as a float32 inverse, applied by the same fast loop as the scores.
 */
export function createMetric(moments: Float64Array, width: number, { l2, biasL2 }: Omit<Penalty, "centre">): Metric {
  const bound = moments.map((value) => value / 2);
  for (let d = 0; d < width; d++) {
    const own = bound[d * width + d]!;
    // A share of the diagonal, for the metric alone (the objective is untouched): an inverse exists whatever l2 is, in float32 too.
    bound[d * width + d]! += (own > 0 ? 1e-4 * own : 1) + (d === width - 1 ? biasL2 : l2);
  }
  const inverse = Float32Array.from(invert(factorize(bound, width)));
  let products = new Float64Array(0);
  return (gradient) => {
    const classes = gradient.length / width;
    if (products.length !== gradient.length) products = new Float64Array(gradient.length);
    scoreRows({ x: inverse, rows: width, width, classes }, gradient, products);
    for (let c = 0; c < classes; c++) {
      for (let d = 0; d < width; d++) {
        gradient[c * width + d] = products[d * classes + c]!;
      }
    }
  };
}

export interface SoftmaxFit {
  readonly design: Design;
  readonly metric: Metric;
  readonly penalty: Penalty;
  readonly start: Float64Array;
  /** On the gradient's largest element. */
  readonly tolerance: number;
  readonly onIteration?: () => void;
}

/** Minimises mean cross-entropy + penalty from `start`. */
export function minimizeSoftmax({ design, metric, penalty, start, tolerance, onIteration }: SoftmaxFit): LbfgsResult {
  const { rows, width } = design;
  function objective(weights: Float64Array, gradient: Float64Array): number {
    gradient.fill(0);
    const loss = addCrossEntropy(design, weights, gradient) / rows;
    for (let k = 0; k < gradient.length; k++) {
      gradient[k]! /= rows;
    }
    return loss + addPenalty(penalty, { weights, width }, gradient);
  }
  const options = onIteration === undefined ? {} : { onIteration };
  return minimize(objective, start, { tolerance, precondition: metric, ...options });
}
