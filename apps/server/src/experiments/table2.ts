// Table 2: sample utterances with the real and the predicted emotion: the paper's four, and some of the measured split, each by its speaker's own head.

import { fitDimensionalityReduction } from "@attune/ml/features/dimensionality-reduction";
import { fitLinear, type LinearHead } from "@attune/ml/heads/linear";
import { predictedLabels } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import { type EmotionLabel, emotionLabels } from "@attune/shared/contracts/dataset";
import { meldMainSpeakers } from "../datasets/meld.js";
import type { ExtractorSource } from "./extractor-source.js";
import type { Cell, Experiment, OutcomeOf, Task } from "./outcome.js";
import { paperTable2 } from "./paper.js";
import { type Examples, examplesOf, featureKey, splitFeatures, subset, taskKey, type Workbench } from "./workbench.js";

const perSpeaker = 2;

export interface Sample {
  readonly name: string;
  /** For the researcher's own report; never in --json, a log or the store. */
  readonly utterance: string;
  readonly real: EmotionLabel;
  readonly predicted: EmotionLabel;
  readonly paper: EmotionLabel | null;
}

export interface SampleTask {
  readonly task: Task;
  read(outcomeOf: OutcomeOf): Sample[];
}

/** With the first extractor. */
export function sampleTask(bench: Workbench): SampleTask {
  const source = bench.extractors[0]!;
  const chosen = chooseRows(bench);
  const task: Task = {
    key: taskKey(bench, "samples-1", featureKey({ source }), chosen.join(",")),
    what: "sample predictions",
    cost: 8,
    compute(report) {
      const { train, measured } = splitFeatures(bench, { source }, report);
      const everyone = { features: train, labels: examplesOf(train, bench.data.train).labels };
      const general = fit(bench, everyone, source);
      const published = predict(general, paperFeatures(bench, source));
      const people = new Map(
        meldMainSpeakers.map((speaker) => [speaker as string, fitOne(bench, { train, speaker, source })]),
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
  const label = (index: number | undefined) => emotionLabels[index ?? 0]!;
  return [
    ...paperTable2.map(
      ({ utterance, label: real, prediction }, index): Sample => ({
        name: `the paper's sample ${index + 1}`,
        utterance,
        real,
        predicted: label(series.published?.[index]),
        paper: prediction,
      }),
    ),
    ...chosen.map((row, index): Sample => {
      const { text, label: real, speaker, sourceLine } = bench.measured[row]!;
      const name = `${speaker}, ${bench.split} line ${sourceLine}`;
      return { name, utterance: text, real, predicted: label(series.own?.[index]), paper: null };
    }),
  ];
}

/** Rows of the main speakers by lot, the same ones each time. */
function chooseRows({ measured }: Workbench): number[] {
  const random = createRandom(2);
  return meldMainSpeakers.flatMap((speaker) => {
    const rows = [...measured.keys()].filter((i) => measured[i]!.speaker === speaker);
    random.shuffle(rows);
    return rows.slice(0, perSpeaker);
  });
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
function fit({ heads }: Workbench, examples: Examples, source: ExtractorSource): LinearHead {
  const identity = { features: featureKey({ source }), classes: [...emotionLabels] };
  const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 1, batchSize: 1, l2: 0.03 } as const;
  return fitLinear({ ...examples, identity, recipe, random: createRandom(1), kernels: heads });
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
        const note = paper === null ? "by the speaker's own head" : "by a head fitted on everyone's rows";
        const cell = { row: name, sd: null, n: 1 };
        return [
          { ...cell, column: "Real label", paper: paper === null ? null : real, measured: real, note: "" },
          { ...cell, column: "Prediction", paper, measured: predicted, note },
        ];
      }),
  };
}
