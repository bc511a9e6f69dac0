// The coverage of the sets of labels that predictions carry, and their size, beside those of a static threshold. They
// are counted label by label over each person's train rows, and afterwards on the measured split.

import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import type { LinearHead } from "@attune/ml/heads/linear";
import { linearExperts } from "@attune/ml/online/experts";
import { createPersonMixture } from "@attune/ml/online/person-mixture";
import { coverLabel, newCoverage, predictionSet, surpriseOf } from "@attune/ml/online/prediction-set";
import { createMatrix, type Matrix, row } from "@attune/ml/tensor/matrix";
import { sha256 } from "@attune/platform/sha256";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import { type Cell, type Experiment, emptyCell, type Outcome, plainCell, type Task } from "../workbench/outcome.js";
import {
  type Examples,
  examplesOf,
  featureKey,
  splitFeatures,
  taskKey,
  type Workbench,
} from "../workbench/workbench.js";
import { priorOf, without } from "./table7-tasks.js";

/** The columns of each block, and the order of the numbers in an outcome's series. */
const measures = ["coverage", "set size", "static coverage", "static set size"] as const;

export function coverage(bench: Workbench): Experiment {
  const people = bench.extractors.flatMap((source) => {
    const prior = priorOf(bench, source);
    if (prior === undefined) return [];
    return bench.data.speakers.map((speaker) => ({ source, speaker, task: personTask(bench, source, speaker) }));
  });
  const isOne = bench.extractors.length === 1;
  return {
    name: "coverage",
    title: "Sets of labels that hold the truth nine times in ten",
    questions: {
      train: "Label by label over a person's train rows: how often is the true label in the set?",
      [bench.split]: `After the train rows: how often is it on the ${bench.split} rows?`,
    },
    tasks: people.map(({ task }) => task),
    assemble: (outcomeOf) => [
      ...people.flatMap(({ source, speaker, task }) =>
        cellsOf(bench, isOne ? speaker : `${speaker} · ${source.name}`, [outcomeOf(task)]),
      ),
      ...bench.extractors.flatMap((source) => {
        const outcomes = people.filter((person) => person.source === source).map(({ task }) => outcomeOf(task));
        return cellsOf(bench, isOne ? "all rows" : `all rows · ${source.name}`, outcomes);
      }),
    ],
  };
}

function personTask(bench: Workbench, source: ExtractorSource, speaker: string): Task {
  const choice = { source, speaker };
  const prior = source.prior!;
  return {
    key: taskKey(bench, import.meta.url, sha256(Float64Array.from(prior.weight).join(",")), featureKey(choice)),
    what: `${speaker}, sets of labels`,
    cost: 4,
    compute(report) {
      const { train, measured } = splitFeatures(bench, choice);
      const fixed = staticThreshold(prior, without(bench, train, speaker));
      const own = examplesOf(train, bench.data.train, speaker);
      const measure = examplesOf(measured, bench.measured, speaker);
      return { scores: [], notes: [], series: setsOf({ prior, own, measure, fixed, kernels: bench.heads }, report) };
    },
  };
}

/** The threshold that holds 90% of everyone else's rows under the prior head: a release could ship it. */
function staticThreshold(prior: LinearHead, { features, labels }: Examples): number {
  const probabilities = prior.probabilities(features);
  const surprises = Float64Array.from(labels, (label, i) => surpriseOf(row(probabilities, i)[label]!)).sort();
  return surprises[Math.min(surprises.length - 1, Math.ceil(0.9 * surprises.length) - 1)]!;
}

interface PersonSets {
  readonly prior: LinearHead;
  readonly own: Examples;
  readonly measure: Examples;
  /** The static threshold. */
  readonly fixed: number;
  readonly kernels: HeadKernels;
}

/** By part, the sums over its rows in the order of `measures`, then the number of rows. */
function setsOf({ prior, own, measure, fixed, kernels }: PersonSets, report: (fraction: number) => void) {
  const mixture = createPersonMixture(linearExperts(prior, { kernels }), { classes: prior.identity.classes.length });
  let sets = newCoverage;
  const count = (sums: number[], features: Matrix, label: number): Float32Array => {
    const probabilities = row(mixture.probabilities(features), 0);
    for (const [place, threshold] of [sets.threshold, fixed].entries()) {
      const set = predictionSet({ ...sets, threshold }, probabilities);
      sums[2 * place]! += set.includes(label) ? 1 : 0;
      sums[2 * place + 1]! += set.length;
    }
    sums[4]!++;
    return probabilities;
  };
  const series = { train: [0, 0, 0, 0, 0], measured: [0, 0, 0, 0, 0] };
  for (const [i, label] of own.labels.entries()) {
    report(i / own.labels.length);
    const features = row(own.features, i);
    const probabilities = count(series.train, asMatrix(features), label);
    sets = coverLabel(sets, probabilities, label);
    mixture.learn(String(i), features, label);
  }
  for (const [i, label] of measure.labels.entries()) count(series.measured, asMatrix(row(measure.features, i)), label);
  return series;
}

const asMatrix = (features: Float32Array): Matrix => createMatrix(1, features.length, features);

function cellsOf(bench: Workbench, name: string, outcomes: readonly Outcome[]): Cell[] {
  return (["train", "measured"] as const).flatMap((part) => {
    const sums = measures.map((_, place) => sumOf(outcomes, part, place));
    const rows = sumOf(outcomes, part, measures.length);
    return measures.map((measure, place) => {
      const column = `${part === "train" ? "train" : bench.split}, ${measure}`;
      const at = { row: name, column, paper: null };
      if (rows === 0) return emptyCell(at, reasonOf(bench));
      return plainCell(at, sums[place]! / rows, place === 0 ? [distanceText(sums[0]! / rows, rows)] : []);
    });
  });
}

function sumOf(outcomes: readonly Outcome[], part: string, place: number): number {
  return outcomes.reduce((sum, { series }) => sum + (series?.[part]?.[place] ?? 0), 0);
}

/** A standard error is that of independent rows of which 90% are held. */
function distanceText(held: number, rows: number): string {
  const errors = (held - 0.9) / Math.sqrt(0.09 / rows);
  return `${rows} rows, ${errors < 0 ? "-" : "+"}${Math.abs(errors).toFixed(1)} standard errors from 0.9`;
}

function reasonOf({ data }: Workbench): string {
  return data.speakers.length === 0
    ? data.withoutSpeakers
    : "the extractor has no prior head with the dataset's labels";
}
