// The baseline beside which every extractor must be read: the words of a text, and a softmax regression over them.

import { minimize } from "@attune/ml/linalg/lbfgs";

interface LabelledTexts {
  readonly texts: readonly string[];
  /** Each label is an index below `classes`. */
  readonly labels: Int32Array;
}

/**
 * The features are counts of the words and punctuation marks seen at least twice in training. The classifier is a
 * softmax regression with C = 1. As in scikit-learn, the objective is the sum of the losses plus half the squared
 * weights, with free biases. Returns the most likely class of each of `texts`.
 */
export function bagOfWordsPredictions(training: LabelledTexts, texts: readonly string[], classes: number): Int32Array {
  const vocabulary = wordsSeenTwice(training.texts);
  const width = vocabulary.size + 1; // the bias is last
  const rows = training.texts.map((text) => sparseRow(text, vocabulary));
  const objective = (weights: Float64Array, gradient: Float64Array): number => {
    let loss = 0;
    for (let c = 0; c < classes; c++) {
      for (let j = 0; j < width; j++) {
        const weight = j === width - 1 ? 0 : weights[c * width + j]!;
        gradient[c * width + j] = weight;
        loss += 0.5 * weight * weight;
      }
    }
    for (const [i, row] of rows.entries()) {
      const probabilities = softmax(scores(row, weights, { classes, width }));
      const label = training.labels[i]!;
      loss -= Math.log(probabilities[label]!);
      for (let c = 0; c < classes; c++) {
        const error = probabilities[c]! - (c === label ? 1 : 0);
        for (const [j, count] of row) gradient[c * width + j]! += error * count;
      }
    }
    return loss;
  };
  const { x } = minimize(objective, new Float64Array(classes * width), { tolerance: 1e-3, maxIterations: 300 });
  return Int32Array.from(texts, (text) => {
    const row = scores(sparseRow(text, vocabulary), x, { classes, width });
    return row.indexOf(Math.max(...row));
  });
}

type SparseRow = readonly (readonly [column: number, count: number])[];

function tokens(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
}

function wordsSeenTwice(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const token of tokens(text)) counts.set(token, (counts.get(token) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= 2).map(([token]) => token);
  return new Map(kept.sort().map((token, index) => [token, index]));
}

function sparseRow(text: string, vocabulary: Map<string, number>): SparseRow {
  const counts = new Map<number, number>([[vocabulary.size, 1]]);
  for (const token of tokens(text)) {
    const column = vocabulary.get(token);
    if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
  }
  return [...counts];
}

function scores(
  row: SparseRow,
  weights: Float64Array,
  { classes, width }: { classes: number; width: number },
): number[] {
  return Array.from({ length: classes }, (_, c) =>
    row.reduce((sum, [j, count]) => sum + weights[c * width + j]! * count, 0),
  );
}

function softmax(values: number[]): number[] {
  const largest = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
