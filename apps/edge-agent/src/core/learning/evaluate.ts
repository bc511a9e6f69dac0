// How well a head does on the person's own hold-out: weighted F1 over all labels, those that the head
// does not know too.

import type { Head } from "@attune/ml/heads/head";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";

export interface LabelledRows {
  /** (N, featureSize) */
  readonly features: Matrix;
  /** (N) */
  readonly labels: readonly string[];
}

/** Whether `head` answers `row` (featureSize) with `label`. */
export function isRight(head: Head, row: Float32Array, label: string): boolean {
  const [column] = predictedLabels(head.probabilities(createMatrix(1, row.length, row)));
  return head.identity.classes[column!] === label;
}

/**
 * Weighted F1 of `head` on `rows`; null for no rows. Truth and prediction are compared by name, so that a label the
 * head does not know counts as missed instead of dropping out.
 */
export function evaluate(head: Head, { features, labels }: LabelledRows): number | null {
  if (labels.length === 0) return null;
  const { classes } = head.identity;
  const names = [...new Set([...classes, ...labels])];
  const truth = Int32Array.from(labels, (label) => names.indexOf(label));
  // The head's classes come first among the names, so its columns are theirs.
  return weightedF1(truth, predictedLabels(head.probabilities(features)), names.length);
}
