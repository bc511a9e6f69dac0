// Figure 2 and section 5.1: the squared error of FP16 and INT8 features against FP32 (equation 6), and what it does to F1.

import { roundTensorFileToHalf, roundToHalf } from "@attune/ml/quantization/fp16";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import type { Matrix } from "@attune/ml/tensor/matrix";
import type { TensorFile } from "@attune/ml/tensor/safetensors";
import { sha256 } from "../pretraining/export.js";
import { taskOf } from "./classifier-tasks.js";
import type { ExtractorSource } from "./extractor-source.js";
import { optimalLinear } from "./linear-classifier.js";
import { type Cell, type Experiment, emptyCell, measuredCell, type Task } from "./outcome.js";
import { paperFigure2 } from "./paper.js";
import { taskKey, type Workbench } from "./workbench.js";

export interface RoundingTasks {
  readonly source: ExtractorSource;
  readonly errors: readonly { readonly representation: "FP16" | "INT8"; readonly task: Task }[];
  readonly f1: readonly { readonly representation: "FP32" | "FP16" | "INT8"; readonly task: Task }[];
}

/** Squared errors by powers of ten: bin k counts those from 10^(k + leastExponent) on; smaller ones, zero too, are in bin 0. */
export const leastExponent = -16;
export const histogramBins = 18;

export function roundingTasks(bench: Workbench): RoundingTasks[] {
  return bench.extractors
    .filter(({ weights }) => weights === "float32")
    .map((source) => {
      const half = variant(source, "FP16", roundTensorFileToHalf);
      const int8 = variant(source, "INT8", quantizeTensorFile);
      const f1 = (representation: "FP32" | "FP16" | "INT8", choice: ExtractorSource) => ({
        representation,
        task: taskOf(bench, { source: choice }, { classifier: optimalLinear("none"), cost: 15 }),
      });
      return {
        source,
        errors: [
          { representation: "FP16" as const, task: errorTask(bench, { source, other: half }) },
          { representation: "INT8" as const, task: errorTask(bench, { source, other: int8 }) },
        ],
        f1: [f1("FP32", source), f1("FP16", half), f1("INT8", int8)],
      };
    });
}

/** The same extractor with other weights; a prior head of its own features would not fit. */
function variant(source: ExtractorSource, name: string, change: (file: TensorFile) => TensorFile): ExtractorSource {
  const { prior: _, ...rest } = source;
  const title = `${source.name} ${name}`;
  return { ...rest, name: title, key: sha256(`${name}\n${source.key}`), model: change(source.model), weights: "int8" };
}

/** Over all features before the DR and all utterances of the measured split. FP16 features are rounded too, as they would be kept. */
function errorTask(bench: Workbench, { source, other }: { source: ExtractorSource; other: ExtractorSource }): Task {
  return {
    key: taskKey(bench, "rounding-1", other.key),
    what: `rounding of ${other.name}`,
    cost: 5,
    compute(report) {
      const texts = bench.measured.map((row) => row.text);
      const exact = bench.features.pooled(source, texts, report);
      const pooled = bench.features.pooled(other, texts);
      const rounded = other.name.endsWith("FP16") ? roundToHalf(pooled.data) : pooled.data;
      return { scores: [], notes: [], series: squaredErrors(exact, rounded) };
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
    const bin = error === 0 ? 0 : Math.floor(Math.log10(error)) - leastExponent;
    histogram[Math.max(0, Math.min(histogramBins - 1, bin))]!++;
  }
  const { length } = rounded;
  return { histogram, mean: [sum / length], largest: [largest], beyond: [beyond / length] };
}

export const needsFloat32 =
  "needs float32 weights, and these are int8: add --extractor DIR with a run folder of `attune pretrain` or an import";

export function figure2(bench: Workbench): Experiment {
  const measured = roundingTasks(bench);
  return {
    name: "figure2",
    title: "Squared rounding errors of features against FP32",
    tasks: measured.flatMap(({ errors, f1 }) => [...errors, ...f1].map(({ task }) => task)),
    assemble: (outcomeOf) => [
      ...measured.flatMap(({ source, errors, f1 }) => {
        const row = (representation: string) => `${source.name} ${representation}`;
        const errorCells = errors.flatMap(({ representation, task }) => {
          const { series = {} } = outcomeOf(task);
          const cell = (column: string, values: number[] | undefined, paper: string | null): Cell =>
            measuredCell({ row: row(representation), column, paper }, { scores: values ?? [], notes: [] });
          const largest = representation === "FP16" ? "< 1e-5" : "in the order of 0.1";
          return [
            cell("mean squared error", series.mean, representation === "INT8" ? "small" : null),
            cell("largest squared error", series.largest, largest),
            cell("share of errors from 1e-5 on", series.beyond, representation === "FP16" ? "0" : null),
          ];
        });
        const f1Cells = f1.map(({ representation, task }) => {
          const paper = { FP32: null, FP16: "as FP32", INT8: "0.0005 below FP32" }[representation];
          return measuredCell({ row: row(representation), column: "weighted F1, linear", paper }, outcomeOf(task));
        });
        return [...errorCells, ...f1Cells];
      }),
      ...bench.extractors
        .filter(({ weights }) => weights === "int8")
        .flatMap(({ name }) =>
          (["FP16", "INT8"] as const).map((representation) => {
            const paper = representation === "FP16" ? "< 1e-5" : "in the order of 0.1";
            return emptyCell(
              { row: `${name} ${representation}`, column: "largest squared error", paper },
              needsFloat32,
            );
          }),
        ),
    ],
  };
}
