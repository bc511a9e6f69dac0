// Table 7: one person's data alone (all, 500, 200 utterances), and the gain by a prior head from
// the first utterance on.

import type { LinearHead } from "@attune/ml/heads/linear";
import { weightedF1 } from "@attune/ml/metrics/classification";
import { sampleCounts } from "../classifiers/personal.js";
import { paperTable7 } from "../paper.js";
import { commonestClass, labelsOf } from "../workbench/data.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import {
  type Cell,
  type Experiment,
  emptyCell,
  mean,
  measuredCell,
  type Outcome,
  type OutcomeOf,
  type Task,
} from "../workbench/outcome.js";
import type { Workbench } from "../workbench/workbench.js";
import {
  countName,
  type PersonTasks,
  paperCounts,
  personTasks,
  priorOf,
  type Start,
  startTitles,
} from "./table7-tasks.js";

export function table7(bench: Workbench, bagOfWords: Task): Experiment {
  const people = bench.extractors.flatMap((source) => personTasks(bench, source));
  return {
    name: "table7",
    title: "Weighted F1 on one person: their data alone, and with a prior head",
    questions,
    // Tasks on the same features follow each other.
    tasks: [
      bagOfWords,
      ...people.flatMap(({ paper }) => paper),
      ...people.flatMap(({ curves }) => curves.map(({ task }) => task)),
    ],
    assemble: (outcomeOf) => [
      ...nobodyCells(bench),
      ...people.flatMap((person) => [
        ...paperCells(bench, person, outcomeOf),
        ...curveCells(bench, person, outcomeOf),
        ...baselineCells(bench, person, outcomeOf(bagOfWords)),
      ]),
      ...bench.extractors.flatMap((source) => meanCells(bench, source, outcomeOf)),
    ],
  };
}

function nobodyCells({ data }: Workbench): Cell[] {
  if (data.speakers.length > 0) return [];
  return [emptyCell({ row: "(nobody)", column: "weighted F1", paper: null }, data.withoutSpeakers)];
}

/** By the number of utterances: for each draw, the mean over the people. */
export function meanCurve(
  people: readonly PersonTasks[],
  start: Start,
  outcomeOf: OutcomeOf,
): Record<string, number[]> {
  const curves = people.flatMap(({ curves }) =>
    curves.filter((curve) => curve.start === start).map(({ task }) => outcomeOf(task).series ?? {}),
  );
  return Object.fromEntries(
    sampleCounts.map((count) => {
      const perPerson = curves.map((series) => series[countName(count)] ?? []);
      const draws = Math.min(...perPerson.map((scores) => scores.length));
      const means = Array.from({ length: Number.isFinite(draws) ? draws : 0 }, (_, draw) =>
        mean(perPerson.map((scores) => scores[draw]!)),
      );
      return [countName(count), means.filter((score) => score !== null)];
    }),
  );
}

export function meanRow({ data }: Workbench): string {
  return `mean of the ${["one", "two", "three", "four", "five", "six"][data.speakers.length - 1]}`;
}

function meanCells(bench: Workbench, source: ExtractorSource, outcomeOf: OutcomeOf): Cell[] {
  const people = personTasks(bench, source);
  const row = `${meanRow(bench)}${bench.extractors.length === 1 ? "" : ` · ${source.name}`}`;
  return (people[0]?.curves ?? []).flatMap(({ start }) =>
    Object.entries(meanCurve(people, start, outcomeOf)).flatMap(([count, scores]) => {
      const place = { row, column: `${startTitles[start]}, ${count}`, paper: null };
      const notes = start === "shipped" && count !== "0" ? [betterThanBoth(people, count, outcomeOf)] : [];
      return scores.length === 0 ? [] : [measuredCell(place, { scores, notes })];
    }),
  );
}

/** The goal of a personal head is to beat the prior alone and a head from scratch, each by its mean over the draws. */
function betterThanBoth(people: readonly PersonTasks[], count: string, outcomeOf: OutcomeOf): string {
  const compared = people.flatMap(({ curves }) => {
    const score = (start: Start, at: string) => {
      const task = curves.find((curve) => curve.start === start)?.task;
      return task === undefined ? null : mean(outcomeOf(task).series?.[at] ?? []);
    };
    const [own, prior, scratch] = [score("shipped", count), score("shipped", "0"), score("scratch", count)];
    return own === null || prior === null || scratch === null ? [] : [own > prior && own > scratch];
  });
  return `better than the prior alone and than from scratch for ${compared.filter(Boolean).length} of ${compared.length}`;
}

function rowName({ extractors }: Workbench, { source, speaker }: PersonTasks): string {
  return extractors.length === 1 ? speaker : `${speaker} · ${source.name}`;
}

function paperCells(bench: Workbench, person: PersonTasks, outcomeOf: OutcomeOf): Cell[] {
  return person.paper.map((task, index) => {
    const paper = paperTable7[person.speaker]?.[index] ?? null;
    const place = { row: rowName(bench, person), column: countName(paperCounts[index]!), paper };
    return measuredCell(place, outcomeOf(task));
  });
}

/** Each question but the first is about a growing number of the person's own utterances. */
const questions = {
  "": "The paper's set-up: how far do one person's utterances alone go, beside baselines fitted on everyone's?",
  [startTitles.scratch]: "From scratch: how far do so many utterances of the person go without a prior head?",
  [startTitles.biases]: "Prior head, own biases: how much does learning only how often each emotion is felt add?",
  [startTitles.shipped]: "Prior + personal head: how much does a personal head add to the prior head that ships?",
  [startTitles.mixture]: "Mixture: how far does learning at once, label by label, go without a refit?",
  [startTitles.others]: "Others' prior + personal head: how much where the prior head is fitted on the other people?",
  [startTitles.othersMixture]: "Others' prior, mixture: how far does learning label by label go on such a prior head?",
};

function curveCells(bench: Workbench, person: PersonTasks, outcomeOf: OutcomeOf): Cell[] {
  const row = rowName(bench, person);
  const cells = person.curves.flatMap(({ start, task }) => {
    const { series = {} } = outcomeOf(task);
    return sampleCounts.flatMap((count) => {
      const scores = series[countName(count)] ?? [];
      const note = count === 0 ? ["the prior head alone"] : [];
      const place = { row, column: `${startTitles[start]}, ${countName(count)}`, paper: null };
      return scores.length === 0 ? [] : [measuredCell(place, { scores, notes: note })];
    });
  });
  if (priorOf(bench, person.source) !== undefined) return cells;
  const place = { row, column: `${startTitles.shipped}, 0`, paper: null };
  const { prior } = person.source;
  return [...cells, emptyCell(place, prior === undefined ? noPrior : otherLabels(prior))];
}

const noPrior = "the extractor ships no prior head: attune extractor freeze makes one";
const otherLabels = ({ identity }: LinearHead) =>
  `the extractor's prior head knows ${identity.classes.join(", ")}; --labels says which of them the dataset's labels are`;

function baselineCells(bench: Workbench, person: PersonTasks, { series, notes }: Outcome): Cell[] {
  const predictions = series?.predictions;
  const rows = [...bench.measured.keys()].filter((i) => bench.measured[i]!.speaker === person.speaker);
  const truth = labelsOf(rows.map((i) => bench.measured[i]!));
  const row = rowName(bench, person);
  const commonest = commonestClass(bench.data);
  const cell = (column: string, predicted: Int32Array | undefined): Cell => {
    const place = { row, column, paper: null };
    if (predicted === undefined) return emptyCell(place, ...notes);
    if (truth.length === 0) return emptyCell(place, "no rows of this person in the split");
    return measuredCell(place, { scores: [weightedF1(truth, predicted, bench.data.classes.length)], notes: [] });
  };
  return [
    cell("bag of words, everyone's rows", predictions && Int32Array.from(rows, (i) => predictions[i]!)),
    cell(`always ${bench.data.classes[commonest]}`, new Int32Array(truth.length).fill(commonest)),
  ];
}
