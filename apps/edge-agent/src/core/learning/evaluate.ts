// How well a head does on the person's own hold-out: weighted F1 over all emotions, the same for every release.

import type { Head } from "@attune/ml/heads/head";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import type { Matrix } from "@attune/ml/tensor/matrix";
import { type EmotionLabel, emotionLabels } from "@attune/shared/contracts/dataset";

export interface LabelledRows {
  /** (N, featureSize) */
  readonly features: Matrix;
  /** (N) */
  readonly labels: readonly EmotionLabel[];
}

/**
 * Weighted F1 of `head` on `rows`; null for no rows. Truth and prediction are compared by name, so that an emotion the head
 * does not know counts as missed instead of dropping out.
 */
export function evaluate(head: Head, { features, labels }: LabelledRows): number | null {
  if (labels.length === 0) return null;
  const truth = Int32Array.from(labels, (label) => emotionLabels.indexOf(label));
  const names = head.identity.classes.map((name) => emotionLabels.indexOf(name as EmotionLabel));
  const predicted = predictedLabels(head.probabilities(features)).map((column) => names[column] ?? 0);
  return weightedF1(truth, predicted, emotionLabels.length);
}
