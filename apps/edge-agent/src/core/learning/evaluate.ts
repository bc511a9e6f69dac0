// How well answers do on the person's own hold-out: weighted F1 over the labels that the release knows.

import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import type { Matrix } from "@attune/ml/tensor/matrix";

/**
 * Whether each row of `answers` (N, classes) favours the label at its place. Truth and prediction are compared by
 * name, so a label outside of the classes is never met.
 */
export function areRight(answers: Matrix, classes: readonly string[], labels: readonly string[]): boolean[] {
  return Array.from(predictedLabels(answers), (column, i) => classes[column] === labels[i]);
}

/** Weighted F1 of `answers` (N, classes); null for no rows. Each label is one of the classes. */
export function evaluate(answers: Matrix, classes: readonly string[], labels: readonly string[]): number | null {
  if (labels.length === 0) return null;
  const truth = Int32Array.from(labels, (label) => classes.indexOf(label));
  return weightedF1(truth, predictedLabels(answers), classes.length);
}
