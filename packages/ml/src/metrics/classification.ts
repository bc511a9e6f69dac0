// The measures of a classifier: confusion matrix, accuracy, precision, recall, F1 (weighted and macro) and log-loss.
// Source: scikit-learn 1.9, sklearn.metrics, with zero_division=0: a class that is never predicted (or never true)
// scores 0, not NaN.

import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";

interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** The number of rows whose true class is this class. */
  readonly support: number;
}

interface ClassificationReport {
  readonly accuracy: number;
  readonly weightedF1: number;
  readonly macroF1: number;
  readonly perClass: readonly ClassScores[];
  /** (classes, classes) row-major: row = truth, column = prediction. */
  readonly confusion: Int32Array;
}

/**
 * Counts, (classes, classes) row-major: row = truth, column = prediction. Throws `empty`, `shape` and `out-of-range`.
 */
export function confusionMatrix(truth: Int32Array, predicted: Int32Array, classes: number): Int32Array {
  checkPairs(truth, predicted);
  const counts = new Int32Array(classes * classes);
  for (let i = 0; i < truth.length; i++) {
    const t = truth[i]!;
    const p = predicted[i]!;
    if (t < 0 || t >= classes || p < 0 || p >= classes) {
      throw new MlError("out-of-range", `Row ${i}: labels ${t} and ${p} must lie in 0..${classes - 1}`);
    }
    counts[t * classes + p]!++;
  }
  return counts;
}

/** The share of rows that are predicted right. */
export function accuracy(truth: Int32Array, predicted: Int32Array): number {
  checkPairs(truth, predicted);
  let right = 0;
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === predicted[i]) right++;
  }
  return right / truth.length;
}

/** F1 of each class, averaged with the frequency of the true class as weight. */
export function weightedF1(truth: Int32Array, predicted: Int32Array, classes: number): number {
  return classificationReport(truth, predicted, classes).weightedF1;
}

/** F1 averaged with equal weights over the classes that occur in the truth or in the predictions. */
export function macroF1(truth: Int32Array, predicted: Int32Array, classes: number): number {
  return classificationReport(truth, predicted, classes).macroF1;
}

export function classificationReport(truth: Int32Array, predicted: Int32Array, classes: number): ClassificationReport {
  const confusion = confusionMatrix(truth, predicted, classes);
  const perClass: ClassScores[] = [];
  let right = 0;
  let weighted = 0;
  let macro = 0;
  let occurring = 0;
  for (let c = 0; c < classes; c++) {
    const hits = confusion[c * classes + c]!;
    let support = 0;
    let predictions = 0;
    for (let k = 0; k < classes; k++) {
      support += confusion[c * classes + k]!;
      predictions += confusion[k * classes + c]!;
    }
    const f1 = ratio(2 * hits, support + predictions);
    perClass.push({ precision: ratio(hits, predictions), recall: ratio(hits, support), f1, support });
    right += hits;
    weighted += f1 * support;
    macro += f1;
    if (support + predictions > 0) occurring++;
  }
  const rows = truth.length;
  return { accuracy: right / rows, weightedF1: weighted / rows, macroF1: macro / occurring, perClass, confusion };
}

/**
 * The mean of -log(probability of the true class). Probabilities below 1e-15 count as 1e-15, so that
 * the mean stays finite.
 */
export function logLoss(probabilities: Matrix, labels: Int32Array): number {
  const { rows, cols, data } = probabilities;
  if (rows === 0) throw new MlError("empty", "The log-loss of no rows is not defined");
  if (labels.length !== rows) throw new MlError("shape", `${rows} rows of probabilities but ${labels.length} labels`);
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    if (label < 0 || label >= cols) {
      throw new MlError("out-of-range", `Row ${i}: label ${label} must lie in 0..${cols - 1}`);
    }
    sum -= Math.log(Math.max(data[i * cols + label]!, 1e-15));
  }
  return sum / rows;
}

/** The column of each row's largest value, which is the predicted label; the first column on a tie. */
export function predictedLabels(probabilities: Matrix): Int32Array {
  const { rows, cols, data } = probabilities;
  if (cols === 0) throw new MlError("empty", "Rows without columns have no largest value");
  const labels = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    let best = 0;
    for (let c = 1; c < cols; c++) {
      if (data[i * cols + c]! > data[i * cols + best]!) best = c;
    }
    labels[i] = best;
  }
  return labels;
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function checkPairs(truth: Int32Array, predicted: Int32Array): void {
  if (truth.length === 0) throw new MlError("empty", "No rows to measure: the score of nothing is not defined");
  if (truth.length !== predicted.length) {
    throw new MlError("shape", `${truth.length} true labels but ${predicted.length} predictions`);
  }
}
