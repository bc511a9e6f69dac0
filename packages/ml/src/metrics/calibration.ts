// Whether probabilities match the frequencies of correct predictions: Brier score, accuracy by
// confidence, expected calibration error.

import { MlError } from "../error.js";
import type { Matrix } from "../tensor/matrix.js";

/** Rows of similar confidence. */
export interface ReliabilityBin {
  /** The mean probability of the predicted class. */
  readonly confidence: number;
  /** The share of rows that are predicted right. */
  readonly accuracy: number;
  readonly count: number;
}

const calibrationBins = 15;

/**
 * probabilities: (N, C), labels: (N). The mean over the rows of Σ (p - y)² over all classes: 0 at best, 2 at worst.
 * Source: Brier 1950. Throws `empty`, `shape` and `out-of-range`.
 */
export function brierScore(probabilities: Matrix, labels: Int32Array): number {
  checkRows(probabilities, labels);
  const { rows, cols, data } = probabilities;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < cols; c++) {
      const error = data[i * cols + c]! - (labels[i] === c ? 1 : 0);
      sum += error * error;
    }
  }
  return sum / rows;
}

/**
 * probabilities: (N, C), labels: (N). Sorts the rows by the probability of their predicted class and cuts them into
 * `bins` bins. The bins' sizes differ by at most one row; there are fewer bins if there are fewer rows. Rows of equal
 * confidence keep their order.
 * Throws `empty`, `shape` and `out-of-range`.
 */
export function reliability(probabilities: Matrix, labels: Int32Array, bins = calibrationBins): ReliabilityBin[] {
  checkRows(probabilities, labels);
  const { rows, cols, data } = probabilities;
  const confidence = new Float64Array(rows);
  const right = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    let best = 0;
    for (let c = 1; c < cols; c++) {
      if (data[i * cols + c]! > data[i * cols + best]!) best = c;
    }
    confidence[i] = data[i * cols + best]!;
    right[i] = best === labels[i] ? 1 : 0;
  }
  const order = Array.from(confidence.keys()).sort((a, b) => confidence[a]! - confidence[b]! || a - b);
  const used = Math.min(bins, rows);
  return Array.from({ length: used }, (_, bin) => {
    const members = order.slice(Math.floor((bin * rows) / used), Math.floor(((bin + 1) * rows) / used));
    const share = (values: ArrayLike<number>) => members.reduce((sum, i) => sum + values[i]!, 0) / members.length;
    return { confidence: share(confidence), accuracy: share(right), count: members.length };
  });
}

/**
 * The mean distance between confidence and accuracy over the rows' bins.
 * Small bins give a value above 0 even for perfect probabilities: about 0.8 √(p (1 - p) / rows a bin).
 * Sources: Naeini, Cooper and Hauskrecht 2015; bins of equal mass as in Nguyen and O'Connor 2015.
 */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  const rows = bins.reduce((sum, { count }) => sum + count, 0);
  if (rows === 0) throw new MlError("empty", "The calibration error of no rows is not defined");
  return bins.reduce((sum, bin) => sum + (bin.count * Math.abs(bin.confidence - bin.accuracy)) / rows, 0);
}

function checkRows({ rows, cols }: Matrix, labels: Int32Array): void {
  if (rows === 0 || cols === 0) throw new MlError("empty", "The calibration of no rows is not defined");
  if (labels.length !== rows) throw new MlError("shape", `${rows} rows of probabilities but ${labels.length} labels`);
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    if (label < 0 || label >= cols) {
      throw new MlError("out-of-range", `Row ${i}: label ${label} must lie in 0..${cols - 1}`);
    }
  }
}
