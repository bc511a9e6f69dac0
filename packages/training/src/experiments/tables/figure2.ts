// Figure 2 and section 5.1: the squared error of FP16 and INT8 features against FP32 (equation 6), and
// its effect on F1.

import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import { roundTensorFileToHalf, roundToHalf } from "@attune/ml/quantization/fp16";
import { dequantizeTensorFile, quantizeTensorFile } from "@attune/ml/quantization/int8";
import type { Matrix } from "@attune/ml/tensor/matrix";
import type { TensorFile } from "@attune/ml/tensor/safetensors";
import { sha256 } from "@attune/platform/sha256";
import type { LinearSetting } from "../../freezing/evaluation.js";
import { type Classifier, choose } from "../classifiers/classifiers.js";
import { optimalLinear } from "../classifiers/linear-classifier.js";
import { paperFigure2 } from "../paper.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import { type Cell, type Experiment, mean, measuredCell, type OutcomeOf, type Task } from "../workbench/outcome.js";
import { featureKey, type Problem, problemOf, taskKey, type Workbench } from "../workbench/workbench.js";

const representations = ["FP32", "FP16", "INT8"] as const;
type Representation = (typeof representations)[number];

interface RoundingTasks {
  readonly source: ExtractorSource;
  readonly errors: readonly { readonly representation: "FP16" | "INT8"; readonly task: Task }[];
  readonly f1: Task;
}

/**
 * Squared errors by powers of ten: bin k counts errors from 10^(k + minExponent) on; smaller errors and zero
 * are in bin 0.
 */
export const minExponent = -16;
export const histogramBins = 18;

export function roundingTasks(bench: Workbench): RoundingTasks[] {
  return bench.extractors.map((source) => {
    const exact = source.weights === "float32" ? source : variant(source, "FP32", dequantizeTensorFile);
    const half = variant(exact, "FP16", roundTensorFileToHalf);
    // The int8 weights as they are shipped, or rounded here.
    const int8 = source.weights === "int8" ? source : variant(source, "INT8", quantizeTensorFile);
    const error = (representation: "FP16" | "INT8", other: ExtractorSource) => ({
      representation,
      task: errorTask(bench, { exact, other, representation }),
    });
    return {
      source,
      errors: [error("FP16", half), error("INT8", int8)],
      f1: f1Task(bench, { FP32: exact, FP16: half, INT8: int8 }),
    };
  });
}

/** The same extractor with other weights; a prior head of the original features would not fit. */
function variant(source: ExtractorSource, name: string, change: (file: TensorFile) => TensorFile): ExtractorSource {
  const { prior: _, ...rest } = source;
  const title = `${source.name} ${name}`;
  return { ...rest, name: title, key: sha256(`${name}\n${source.key}`), model: change(source.model) };
}

interface Rounding {
  readonly exact: ExtractorSource;
  readonly other: ExtractorSource;
  readonly representation: "FP16" | "INT8";
}

/**
 * Covers all features before the DR and all utterances of the measured split. FP16 features are rounded too, as
 * they would be kept.
 */
function errorTask(bench: Workbench, { exact, other, representation }: Rounding): Task {
  return {
    key: taskKey(bench, import.meta.url, "rounding", exact.key, other.key),
    what: `rounding of ${other.name}`,
    cost: 5,
    compute(report) {
      const texts = bench.measured.map((row) => row.text);
      const reference = bench.features.pooled(exact, texts, report);
      const { data } = bench.features.pooled(other, texts);
      const rounded = representation === "FP16" ? roundToHalf(data) : data;
      return { scores: [], notes: [], series: squaredErrors(reference, rounded) };
    },
  };
}

/** Equation 6. */
export function squaredErrors(exact: Matrix, rounded: Float32Array): Record<string, number[]> {
  const histogram = new Array<number>(histogramBins).fill(0);
  let sum = 0;
  let largest = 0;
  let beyond = 0;
  for (let k = 0; k < rounded.length; k++) {
    const error = (exact.data[k]! - rounded[k]!) ** 2;
    sum += error;
    largest = Math.max(largest, error);
    if (error >= paperFigure2.fp16Below) beyond++;
    const bin = error === 0 ? 0 : Math.floor(Math.log10(error)) - minExponent;
    histogram[Math.max(0, Math.min(histogramBins - 1, bin))]!++;
  }
  const { length } = rounded;
  return { histogram, mean: [sum / length], largest: [largest], beyond: [beyond / length] };
}

/**
 * The F1 of `linear` at its optimum, fitted on the features of each. All use the l2 that was chosen on those of FP32,
 * so a loss is due to rounding alone.
 */
function f1Task(bench: Workbench, sources: Readonly<Record<Representation, ExtractorSource>>): Task {
  const classifier = optimalLinear(["none"], bench.heads);
  return {
    key: taskKey(
      bench,
      import.meta.url,
      "rounding-f1",
      classifier.name,
      ...representations.map((name) => featureKey({ source: sources[name] })),
    ),
    what: `weighted F1 of ${sources.FP32.name}, FP16 and INT8`,
    cost: 40,
    features: featureKey({ source: sources.FP32 }),
    async compute(report) {
      const problem = problemOf(bench, { source: sources.FP32 }, (fraction) => report(0.2 * fraction));
      const { best } = await choose(classifier, { problem, seed: bench.seeds[0]!, step: () => {} });
      if (best === undefined) return { scores: [], notes: ["singular"], series: {} };
      const series: Record<string, number[]> = {};
      for (const [turn, name] of representations.entries()) {
        report(0.4 + 0.2 * turn);
        series[name] = await measuredWith(classifier, best.setting, problemOf(bench, { source: sources[name] }));
      }
      return { scores: series.FP32!, notes: [`chosen with FP32: ${classifier.describe(best.setting)}`], series };
    },
  };
}

/** The weighted F1 with this setting; empty if the setting is singular. */
async function measuredWith(
  classifier: Classifier<LinearSetting>,
  setting: LinearSetting,
  problem: Problem,
): Promise<number[]> {
  const { fit, measure } = problem.final;
  // The optimum does not depend on a seed.
  const [fitted] = await classifier.fit({ problem, examples: fit, group: [setting], seed: 0 });
  if (fitted?.scores === undefined) return [];
  const predicted = predictedLabels(fitted.scores(measure.features));
  return [weightedF1(measure.labels, predicted, problem.identity.classes.length)];
}

const int8Reference =
  "against its int8 weights computed in float32: those it was rounded from are not shipped. What rounding them cost too: --extractor DIR with a run folder of `attune pretrain` or an import";

export function figure2(bench: Workbench): Experiment {
  const measured = roundingTasks(bench);
  return {
    name: "figure2",
    title: "Squared rounding errors of features against FP32",
    tasks: measured.flatMap(({ errors, f1 }) => [...errors.map(({ task }) => task), f1]),
    assemble: (outcomeOf) =>
      measured.flatMap((tasks) => [...errorCells(tasks, outcomeOf), ...f1Cells(tasks, outcomeOf)]),
  };
}

const rowName = (source: ExtractorSource, representation: string) => `${source.name} ${representation}`;

function errorCells({ source, errors }: RoundingTasks, outcomeOf: OutcomeOf): Cell[] {
  const notes = source.weights === "int8" ? [int8Reference] : [];
  return errors.flatMap(({ representation, task }) => {
    const { series = {} } = outcomeOf(task);
    const row = rowName(source, representation);
    const cell = (column: string, values: number[] | undefined, paper: string | null): Cell =>
      measuredCell({ row, column, paper }, { scores: values ?? [], notes });
    return [
      cell("mean squared error", series.mean, representation === "INT8" ? "small" : null),
      cell("largest squared error", series.largest, representation === "FP16" ? "< 1e-5" : "in the order of 0.1"),
      cell("share of errors from 1e-5 on", series.beyond, representation === "FP16" ? "0" : null),
    ];
  });
}

function f1Cells({ source, f1 }: RoundingTasks, outcomeOf: OutcomeOf): Cell[] {
  const { series = {}, notes } = outcomeOf(f1);
  const exact = mean(series.FP32 ?? []);
  return representations.flatMap((representation) => {
    const row = rowName(source, representation);
    const scores = series[representation] ?? [];
    const cell = measuredCell({ row, column: "weighted F1, linear", paper: null }, { scores, notes });
    if (representation === "FP32" || exact === null) return cell;
    const lost = scores.map((score) => exact - score);
    const paper = representation === "INT8" ? paperFigure2.int8F1Loss : 0;
    return [cell, measuredCell({ row, column: "weighted F1 below FP32", paper }, { scores: lost, notes: [] })];
  });
}
