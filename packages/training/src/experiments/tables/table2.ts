// Table 2: sample utterances with the real and the predicted emotion, the paper's four and some of the measured split.
// Each speaker has an own head.

import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { predictedLabels } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import { paperTable2 } from "../paper.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import { type Cell, type Experiment, type OutcomeOf, plainCell, type Task } from "../workbench/outcome.js";
import {
  type Examples,
  examplesOf,
  featureKey,
  splitFeatures,
  subset,
  taskKey,
  type Workbench,
} from "../workbench/workbench.js";

const perSpeaker = 2;
/** The number of samples if the dataset names no speakers. */
const ofEveryone = 12;

interface Sample {
  readonly name: string;
  /** For the researcher's own report; never in --json, a log or the store. */
  readonly utterance: string;
  readonly real: string;
  /** null if the prediction could not be computed. */
  readonly predicted: string | null;
  readonly paper: string | null;
}

interface SampleTask {
  readonly task: Task;
  read(outcomeOf: OutcomeOf): Sample[];
}

/** Predicts with the first extractor. */
export function sampleTask(bench: Workbench): SampleTask {
  const source = bench.extractors[0]!;
  const chosen = chooseRows(bench);
  const task: Task = {
    key: taskKey(
      bench,
      import.meta.url,
      "samples",
      featureKey({ source }),
      chosen.join(","),
      ...(bench.data.isPaper ? [] : ["own"]),
    ),
    what: "sample predictions",
    cost: 8,
    compute(report) {
      const { train, measured } = splitFeatures(bench, { source }, report);
      const everyone = { features: train, labels: examplesOf(train, bench.data.train).labels };
      const general = fit(bench, everyone, source);
      const published = bench.data.isPaper ? predict(general, paperFeatures(bench, source)) : [];
      const people = new Map(
        bench.data.speakers.map((speaker) => [speaker, fitOne(bench, { train, speaker, source })]),
      );
      const own = chosen.map((index) => {
        const head = people.get(bench.measured[index]!.speaker ?? "") ?? general;
        return predict(head, subset({ features: measured, labels: new Int32Array(measured.rows) }, [index]))[0]!;
      });
      return { scores: [], notes: [], series: { published, own } };
    },
  };
  return { task, read: (outcomeOf) => readSamples(bench, chosen, outcomeOf(task).series ?? {}) };
}

function readSamples(bench: Workbench, chosen: readonly number[], series: Record<string, number[]>): Sample[] {
  const label = (index: number | undefined) => (index === undefined ? null : bench.data.classes[index]!);
  return [
    ...(bench.data.isPaper ? paperTable2 : []).map(
      ({ utterance, label: real, prediction }, index): Sample => ({
        name: `the paper's sample ${index + 1}`,
        utterance,
        real,
        predicted: label(series.published?.[index]),
        paper: prediction,
      }),
    ),
    ...chosen.map((row, index): Sample => {
      const { text, label: real, speaker, place } = bench.measured[row]!;
      const name = `${speaker === undefined ? "" : `${speaker}, `}${bench.split} ${place}`;
      return { name, utterance: text, real, predicted: label(series.own?.[index]), paper: null };
    }),
  ];
}

/** Rows of the speakers by lot, the same ones each time; rows of everyone if there are no speakers. */
function chooseRows({ data, measured }: Workbench): number[] {
  const random = createRandom(2);
  const draw = (count: number, isOne: (index: number) => boolean) => {
    const rows = [...measured.keys()].filter(isOne);
    random.shuffle(rows);
    return rows.slice(0, count);
  };
  if (data.speakers.length === 0) return draw(ofEveryone, () => true);
  return data.speakers.flatMap((speaker) => draw(perSpeaker, (i) => measured[i]!.speaker === speaker));
}

function paperFeatures(bench: Workbench, source: ExtractorSource): Examples {
  const texts = paperTable2.map(({ utterance }) => utterance);
  const pooled = bench.features.pooled(source, texts);
  const trainTexts = bench.data.train.map((row) => row.text);
  const reduction = source.reduction ?? fitDimensionalityReduction(bench.features.pooled(source, trainTexts));
  return { features: reduction.apply(pooled), labels: new Int32Array(texts.length) };
}

function fitOne(
  bench: Workbench,
  { train, speaker, source }: { train: Examples["features"]; speaker: string; source: ExtractorSource },
): LinearHead | undefined {
  const rows = examplesOf(train, bench.data.train, speaker);
  return rows.labels.length === 0 ? undefined : fit(bench, rows, source);
}

/** `linear` at its optimum: nothing here is measured, so nothing is tuned. */
function fit(bench: Workbench, examples: Examples, source: ExtractorSource): LinearHead {
  const identity = { features: featureKey({ source }), classes: [...bench.data.classes] };
  const recipe = { ...toOptimum, l2: 0.03 };
  return fitLinear({ ...examples, identity, recipe, random: createRandom(1), kernels: bench.heads });
}

function predict(head: LinearHead, { features }: Examples): number[] {
  return Array.from(predictedLabels(head.probabilities(features)));
}

export function table2(bench: Workbench): Experiment {
  const samples = sampleTask(bench);
  return {
    name: "table2",
    title: "Sample predictions",
    tasks: [samples.task],
    assemble: (outcomeOf) =>
      samples.read(outcomeOf).flatMap(({ name, real, predicted, paper }): Cell[] => {
        const own = paper === null && bench.data.speakers.length > 0;
        const note = own ? "by the speaker's own head" : "by a head fitted on everyone's rows";
        return [
          plainCell({ row: name, column: "Real label", paper: paper === null ? null : real }, real, []),
          plainCell({ row: name, column: "Prediction", paper }, predicted, [note]),
        ];
      }),
  };
}
