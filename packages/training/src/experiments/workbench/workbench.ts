// The tools of every table: the dataset and its splits, an extractor's features as problems to fit and to
// measure, seeds, and settings.

import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import type { HeadIdentity } from "@attune/ml/heads/identity";
import { createMatrix, type Matrix, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { sha256 } from "@attune/platform/sha256";
import { emotionLabels } from "../../datasets/emotions.js";
import { stratifiedSplit } from "../../datasets/split.js";
import type { Tf } from "../../pretraining/backend/tensorflow.js";
import type { CodeDigest } from "./code-digest.js";
import { type DataRow, type ExperimentData, labelsOf } from "./data.js";
import type { ExtractorSource } from "./extractor-source.js";
import type { FeatureCache } from "./feature-cache.js";

export interface Examples {
  /** (N, D) */
  readonly features: Matrix;
  /** (N) */
  readonly labels: Int32Array;
}

/** Settings are chosen on `choose`; with them, `final` is measured once. */
export interface Problem {
  readonly identity: HeadIdentity;
  readonly choose: { readonly fit: Examples; readonly check: Examples };
  readonly final: { readonly fit: Examples; readonly measure: Examples };
}

export interface Workbench {
  readonly data: ExperimentData;
  readonly split: "dev" | "test";
  /** The rows that are measured: dev or test. */
  readonly measured: readonly DataRow[];
  /** The digest of the rows, their labels and the split: a part of every key. */
  readonly dataKey: string;
  readonly codeDigest: CodeDigest;
  readonly seeds: readonly number[];
  /** Uses the paper's whole grids, chosen anew for each seed. */
  readonly full: boolean;
  readonly withBp: boolean;
  /** The folder of a user's own IEMOCAP release. */
  readonly iemocapDirectory?: string;
  readonly extractors: readonly ExtractorSource[];
  /** The kernels that train the heads. */
  readonly heads: HeadKernels;
  readonly features: FeatureCache;
  readonly reduced: (key: string, make: () => SplitFeatures) => SplitFeatures;
  readonly openTf: () => Promise<Tf>;
  /** The folder of files that a task needs while it computes. */
  readonly scratchDirectory: string;
}

/** The features of an extractor, or their first principal components. */
export interface FeatureChoice {
  readonly source: ExtractorSource;
  readonly components?: number;
  /** Only the rows of this speaker. */
  readonly speaker?: string;
}

export function featureKey({ source, components, speaker }: FeatureChoice): string {
  const reduction = source.reduction === undefined ? "standardised" : sha256(JSON.stringify([...reductionOf(source)]));
  return [source.key, reduction, components ?? "all", ...(speaker === undefined ? [] : [speaker])].join("/");
}

function reductionOf({ reduction }: ExtractorSource): number[] {
  const zeros = createMatrix(1, reduction!.inputSize);
  return [reduction!.outputSize, ...reduction!.apply(zeros).data];
}

/**
 * The key of a task that the module at `moduleUrl` computes. It depends on data, grid, seeds, code and `parts`,
 * the task's own settings.
 */
export function taskKey(bench: Workbench, moduleUrl: string, ...parts: readonly string[]): string {
  const grid = bench.full ? "full" : "quick";
  return [bench.codeDigest(moduleUrl), bench.dataKey, grid, bench.seeds.join(","), ...parts].join("|");
}

/** The classes count only if they are not the seven. */
export function dataDigest(data: ExperimentData, split: string): string {
  const parts = [data.train, data.dev, split === "test" ? (data.test ?? []) : []];
  const rows = parts.map((part) => part.map((row) => [row.text, row.label, row.speaker ?? ""]));
  return `${split}-${sha256(JSON.stringify(data.classes === emotionLabels ? rows : [...rows, data.classes]))}`;
}

/**
 * Holds one value: tasks on the same features follow each other, and the features of all tasks would not fit in memory.
 */
export function keepLatest<T>(): (key: string, make: () => T) => T {
  let held: { key: string; value: T } | undefined;
  return (key, make) => {
    if (held?.key !== key) held = { key, value: make() };
    return held.value;
  };
}

interface SplitFeatures {
  readonly train: Matrix;
  readonly dev: Matrix;
  readonly measured: Matrix;
}

/**
 * Features after the DR: the folder's own, or standardisation fitted on the train split; then PCA fitted
 * on the train split.
 */
export function splitFeatures(
  bench: Workbench,
  { source, components }: FeatureChoice,
  report?: (fraction: number) => void,
): SplitFeatures {
  const choice = components === undefined ? { source } : { source, components };
  return bench.reduced(featureKey(choice), () => reduceSplits(bench, choice, report));
}

function reduceSplits(
  bench: Workbench,
  { source, components }: FeatureChoice,
  report?: (fraction: number) => void,
): SplitFeatures {
  const texts = (rows: readonly DataRow[]) => rows.map((row) => row.text);
  const train = bench.features.pooled(source, texts(bench.data.train), report);
  const dev = bench.features.pooled(source, texts(bench.data.dev));
  const measured = bench.split === "dev" ? dev : bench.features.pooled(source, texts(bench.measured));
  const own = source.reduction ?? fitDimensionalityReduction(train);
  const scaled = { train: own.apply(train), dev: own.apply(dev), measured: own.apply(measured) };
  if (components === undefined) return scaled;
  const pca = fitDimensionalityReduction(scaled.train, components);
  return { train: pca.apply(scaled.train), dev: pca.apply(scaled.dev), measured: pca.apply(scaled.measured) };
}

/**
 * With the test split, settings are chosen on dev. With dev, they are chosen on a fifth of the train split. Choosing
 * and measuring on the same rows would give the best of many numbers, not a measurement.
 */
export function problemOf(bench: Workbench, choice: FeatureChoice, report?: (fraction: number) => void): Problem {
  const { train, dev, measured } = splitFeatures(bench, choice, report);
  const { speaker } = choice;
  const all = examplesOf(train, bench.data.train, speaker);
  const measure = examplesOf(measured, bench.measured, speaker);
  const identity = { features: featureKey(choice), classes: [...bench.data.classes] };
  const final = { fit: all, measure };
  if (bench.split === "test") {
    return { identity, final, choose: { fit: all, check: examplesOf(dev, bench.data.dev, speaker) } };
  }
  return { identity, final, choose: holdOut(all, bench.data.classes) };
}

/** A stratified fifth, always the same one. */
export function holdOut(examples: Examples, classes: readonly string[]): Problem["choose"] {
  const { kept, held } = holdOutRows(examples.labels, classes);
  return { fit: subset(examples, kept), check: subset(examples, held) };
}

function holdOutRows(labels: Int32Array, classes: readonly string[]): { kept: number[]; held: number[] } {
  const rows = Array.from(labels, (label, index) => ({ label: classes[label]!, index }));
  const { kept, held } = stratifiedSplit(rows, 0.2, createRandom(2021));
  return { kept: kept.map(({ index }) => index), held: held.map(({ index }) => index) };
}

/** The utterances behind `problemOf`'s `choose`, for classifiers that are not trained on features. */
export function chooseRows({ data, split }: Workbench): { fit: readonly DataRow[]; check: readonly DataRow[] } {
  if (split === "test") return { fit: data.train, check: data.dev };
  const { kept, held } = holdOutRows(labelsOf(data.train), data.classes);
  return { fit: kept.map((i) => data.train[i]!), check: held.map((i) => data.train[i]!) };
}

export function examplesOf(features: Matrix, rows: readonly DataRow[], speaker?: string): Examples {
  const all = { features, labels: labelsOf(rows) };
  if (speaker === undefined) return all;
  return subset(
    all,
    [...rows.keys()].filter((i) => rows[i]!.speaker === speaker),
  );
}

export function subset({ features, labels }: Examples, indices: readonly number[]): Examples {
  return { features: selectRows(features, indices), labels: Int32Array.from(indices, (i) => labels[i]!) };
}
