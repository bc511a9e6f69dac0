// Finds the optimum of the linear head's objective: L-BFGS in a metric that follows the features' correlations.

import { type LbfgsResult, minimize } from "../linalg/lbfgs.js";
import type { HeadKernels } from "./head-kernels.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { addPenalty, type Design, type Penalty } from "./softmax.js";

/** XᵀX weighted by importance and divided by the rows, (width, width), upper triangle. */
export function secondMoments(design: Design, kernels: HeadKernels = referenceHeadKernels): Float64Array {
  return kernels.secondMoments(design);
}

/** Replaces a gradient (classes, width) by the step that the metric suggests, in place. */
export type Metric = (gradient: Float64Array) => void;

interface MetricOptions extends Omit<Penalty, "centre"> {
  readonly kernels?: HeadKernels;
}

/**
 * Half the features' second moments plus the penalty: Böhning's bound on the Hessian (1992, "Multinomial logistic
 * regression algorithm"). Features correlate strongly; in this metric the number of iterations does not depend on how
 * strongly. The metric only guides the search, and its moments may come from other rows than the fitted rows. A factor
 * solves for each step: an inverse would cost three times as much as all steps.
 */
export function createMetric(moments: Float64Array, width: number, options: MetricOptions): Metric {
  const { l2, biasL2, kernels = referenceHeadKernels } = options;
  const bound = moments.map((value) => value / 2);
  for (let d = 0; d < width; d++) {
    const own = bound[d * width + d]!;
    // A share of the diagonal is added to the metric alone, and not to the objective, so that a factor
    // exists whatever l2 is.
    bound[d * width + d]! += (own > 0 ? 1e-4 * own : 1) + (d === width - 1 ? biasL2 : l2);
  }
  const factor = kernels.factorize(bound, width);
  return (gradient) => factor.solveInPlace(gradient);
}

interface SoftmaxFit {
  readonly design: Design;
  readonly metric: Metric;
  readonly penalty: Penalty;
  readonly start: Float64Array;
  /** The limit on the gradient's largest element. */
  readonly tolerance: number;
  readonly onIteration?: () => void;
  readonly kernels?: HeadKernels;
}

/** Minimises mean cross-entropy + penalty from `start`. */
export function minimizeSoftmax(fit: SoftmaxFit): LbfgsResult {
  const { design, metric, penalty, start, tolerance, onIteration, kernels = referenceHeadKernels } = fit;
  const { rows, width } = design;
  const open = kernels.openRows(design);
  function objective(weights: Float64Array, gradient: Float64Array): number {
    const loss = open.crossEntropy(weights, gradient) / rows;
    for (let k = 0; k < gradient.length; k++) {
      gradient[k]! /= rows;
    }
    return loss + addPenalty(penalty, { weights, width }, gradient);
  }
  const options = onIteration === undefined ? {} : { onIteration };
  try {
    return minimize(objective, start, { tolerance, precondition: metric, ...options });
  } finally {
    open.close();
  }
}
