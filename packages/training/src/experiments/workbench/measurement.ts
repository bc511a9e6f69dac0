// Measures of a classifier besides weighted F1: macro F1, and the calibration of its probabilities, with
// and without a temperature.

import { fitTemperature, softmaxAt } from "@attune/ml/heads/temperature";
import { brierScore, expectedCalibrationError, type ReliabilityBin, reliability } from "@attune/ml/metrics/calibration";
import { classificationReport, logLoss, predictedLabels } from "@attune/ml/metrics/classification";
import type { Matrix } from "@attune/ml/tensor/matrix";
import type { Cell } from "./outcome.js";
import { type CellPlace, type Finding, mean, measuredCell, type Outcome } from "./outcome.js";

/** Scores (N, classes), which a softmax turns into probabilities, and the true labels (N). */
export interface Scored {
  readonly scores: Matrix;
  readonly labels: Int32Array;
}

export interface Measurements {
  /** `temperature` is fitted on rows that the classifier did not learn from and is not measured on. */
  add(run: { readonly measured: Scored; readonly temperature: number }): void;
  finding(notes: readonly string[]): Finding;
}

/** `plain` turns scores into probabilities without calibration; a softmax by default. */
export function createMeasurements(
  classes: number,
  plain: (scores: Matrix) => Matrix = (scores) => softmaxAt(scores, 1),
): Measurements {
  const scores: number[] = [];
  const series: Record<string, number[]> = {};
  let confusion: number[] | undefined;
  const push = (name: string, value: number) => {
    series[name] = [...(series[name] ?? []), value];
  };
  return {
    add({ measured, temperature }) {
      const { labels } = measured;
      const result = classificationReport(labels, predictedLabels(measured.scores), classes);
      scores.push(result.weightedF1);
      push("macroF1", result.macroF1);
      push("temperature", temperature);
      const first = confusion === undefined;
      confusion ??= Array.from(result.confusion);
      for (const [prefix, probabilities] of [
        ["", softmaxAt(measured.scores, temperature)],
        ["plain ", plain(measured.scores)],
      ] as const) {
        const bins = reliability(probabilities, labels);
        push(`${prefix}logLoss`, logLoss(probabilities, labels));
        push(`${prefix}brier`, brierScore(probabilities, labels));
        push(`${prefix}ece`, expectedCalibrationError(bins));
        if (first) Object.assign(series, diagramSeries(prefix, bins));
      }
    },
    finding: (notes) => ({ scores, notes: [...notes], series, ...(confusion === undefined ? {} : { confusion }) }),
  };
}

/** The temperature is fitted on rows held out; 1 if there are none. */
export function temperatureOf({ scores, labels }: Scored): number {
  return labels.length === 0 ? 1 : fitTemperature(scores, labels);
}

function diagramSeries(prefix: string, bins: readonly ReliabilityBin[]): Record<string, number[]> {
  return {
    [`${prefix}confidence`]: bins.map(({ confidence }) => confidence),
    [`${prefix}accuracy`]: bins.map(({ accuracy }) => accuracy),
  };
}

/** Columns of table 4 beside weighted F1, and the series that hold their numbers. */
const qualityColumns = [
  ["macro F1", "macroF1"],
  ["log-loss", "logLoss"],
  ["Brier score", "brier"],
  ["ECE", "ece"],
] as const;

/** The paper prints none of these. */
export function qualityCells({ row, column }: Omit<CellPlace, "paper">, { series = {} }: Outcome): Cell[] {
  const temperature = mean(series.temperature ?? []);
  const plain = qualityColumns.flatMap(([title, name]) => {
    const score = mean(series[`plain ${name}`] ?? []);
    return score === null ? [] : [`${title} ${score.toFixed(3)}`];
  });
  const note = temperature === null ? [] : [`without temperature (${temperature.toPrecision(3)}): ${plain.join(", ")}`];
  return qualityColumns.map(([title, name]) => {
    const notes = series[`plain ${name}`] === undefined ? [] : note;
    return measuredCell({ row, column: `${column}, ${title}`, paper: null }, { scores: series[name] ?? [], notes });
  });
}

/** Points of a plot: accuracy by confidence of the first run, calibrated and not. */
export function reliabilityPoints(
  { series = {} }: Outcome,
  prefix: "" | "plain ",
): { readonly confidence: number; readonly accuracy: number }[] {
  const accuracy = series[`${prefix}accuracy`] ?? [];
  return (series[`${prefix}confidence`] ?? []).map((confidence, k) => ({ confidence, accuracy: accuracy[k] ?? 0 }));
}
