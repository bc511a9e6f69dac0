// Table 7: one person's data alone (all, 500, 200 utterances), and the gain by a prior head from
// the first utterance on.

import type { LinearHead } from "@attune/ml/heads/linear";
import { weightedF1 } from "@attune/ml/metrics/classification";
import { createRandom } from "@attune/ml/tensor/random";
import { sha256 } from "@attune/platform/sha256";
import { measureClassifier } from "../classifiers/classifiers.js";
import { sgdLinear } from "../classifiers/linear-classifier.js";
import {
  biasesOnly,
  drawsOf,
  emptyPrior,
  fromScratch,
  othersPrior,
  personCurve,
  sampleCounts,
} from "../classifiers/personal.js";
import { paperTable7, paperTable7Components } from "../paper.js";
import { commonestClass, labelsOf } from "../workbench/data.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import {
  type Cell,
  type Experiment,
  emptyCell,
  type Finding,
  mean,
  measuredCell,
  type Outcome,
  type OutcomeOf,
  type Task,
} from "../workbench/outcome.js";
import {
  type Examples,
  examplesOf,
  featureKey,
  holdOut,
  type Problem,
  problemOf,
  splitFeatures,
  subset,
  taskKey,
  type Workbench,
} from "../workbench/workbench.js";

/** The paper's columns. */
const paperCounts = [Number.POSITIVE_INFINITY, 500, 200] as const;
export const countName = (count: number) => (Number.isFinite(count) ? String(count) : "All");

export interface PersonTasks {
  readonly source: ExtractorSource;
  readonly speaker: string;
  readonly paper: readonly Task[];
  readonly curves: readonly { readonly start: Start; readonly task: Task }[];
}

/**
 * The start of a personal head: nothing, the extractor's prior head (only biases learned, or all weights), or a head
 * fitted on everyone else's rows.
 */
type Start = "scratch" | "biases" | "shipped" | "others";

/** For each person: the paper's set-up at three sizes, and the curves over the number of utterances. */
export function personTasks(bench: Workbench, source: ExtractorSource): PersonTasks[] {
  const { speakers, train } = bench.data;
  const hasPrior = priorOf(bench, source) !== undefined;
  return speakers.map((speaker) => ({
    source,
    speaker,
    paper: paperCounts.map((count) => paperTask(bench, source, { speaker, count })),
    curves: (["scratch", "biases", "shipped", "others"] as const)
      .filter((start) => hasPrior || start === "scratch" || start === "others")
      .filter((start) => start !== "others" || train.some((row) => row.speaker !== speaker))
      .map((start) => ({ start, task: curveTask(bench, source, { speaker, start }) })),
  }));
}

/** The release's own prior head, if it has the dataset's classes. */
function priorOf({ data }: Workbench, { prior }: ExtractorSource): LinearHead | undefined {
  return prior?.identity.classes.join("\n") === data.classes.join("\n") ? prior : undefined;
}

/** PCA with 32 components, then `linear` by SGD 0.01. */
function paperTask(
  bench: Workbench,
  source: ExtractorSource,
  { speaker, count }: { speaker: string; count: number },
): Task {
  const { length: rows } = bench.data.train;
  const components = Math.min(paperTable7Components, rows, source.reduction?.outputSize ?? paperTable7Components);
  const choice = { source, components, speaker };
  const classifier = sgdLinear(bench.heads);
  return {
    key: taskKey(bench, import.meta.url, classifier.name, featureKey(choice), countName(count)),
    what: `${speaker}, ${countName(count)} utterances`,
    cost: 2,
    async compute(report) {
      const problem = problemOf(bench, choice, report);
      const findings: Finding[] = [];
      for (const seed of bench.seeds) {
        const drawn = drawProblem(bench, problem, { count, seed });
        const run = { problem: drawn, seeds: [seed], chooseEachSeed: true, report };
        findings.push(await measureClassifier(classifier, run));
      }
      const notes = new Set(findings.flatMap((finding) => finding.notes));
      return { scores: findings.flatMap((finding) => finding.scores), notes: [...notes] };
    },
  };
}

/** The problem with `count` of its training rows, drawn by lot. */
function drawProblem(bench: Workbench, problem: Problem, { count, seed }: { count: number; seed: number }): Problem {
  const { fit, measure } = problem.final;
  const order = Array.from(fit.labels.keys());
  createRandom(seed).shuffle(order);
  const drawn = subset(fit, order.slice(0, count));
  const choose =
    bench.split === "test" ? { fit: drawn, check: problem.choose.check } : holdOut(drawn, bench.data.classes);
  return { identity: problem.identity, choose, final: { fit: drawn, measure } };
}

function curveTask(
  bench: Workbench,
  source: ExtractorSource,
  { speaker, start }: { speaker: string; start: Start },
): Task {
  const choice = { source, speaker };
  const identity = { features: featureKey(choice), classes: [...bench.data.classes] };
  const ownPrior =
    start === "shipped" || start === "biases" ? [sha256(Float64Array.from(source.prior!.weight).join(","))] : [];
  return {
    key: taskKey(
      bench,
      import.meta.url,
      "personal",
      start,
      ...ownPrior,
      sampleCounts.join(","),
      sampleCounts.map(drawsOf).join(","),
      featureKey(choice),
    ),
    what: `${speaker}, ${startTitles[start]}`,
    cost: 30,
    compute(report) {
      const { train, measured } = splitFeatures(bench, choice);
      const own = examplesOf(train, bench.data.train, speaker);
      const measure = examplesOf(measured, bench.measured, speaker);
      const prior =
        start === "scratch"
          ? emptyPrior(own, identity)
          : start === "others"
            ? othersPrior(without(bench, train, speaker), identity, bench.heads)
            : source.prior!;
      const candidates = start === "scratch" ? fromScratch : start === "biases" ? biasesOnly : {};
      const curve = personCurve({ train: own, measure, prior, candidates, kernels: bench.heads }, report);
      // A head of zeros predicts nothing.
      const shown = curve.map((scores, index) => (start === "scratch" && sampleCounts[index] === 0 ? [] : scores));
      const series = Object.fromEntries(sampleCounts.map((count, index) => [countName(count), shown[index]!]));
      return {
        scores: series.All!,
        notes: [],
        series: { ...series, rows: [own.labels.length, measure.labels.length] },
      };
    },
  };
}

function without(bench: Workbench, train: Examples["features"], speaker: string): Examples {
  const rows = bench.data.train;
  const others = [...rows.keys()].filter((i) => rows[i]!.speaker !== speaker);
  return subset({ features: train, labels: labelsOf(rows) }, others);
}

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

export const startTitles = {
  scratch: "scratch",
  biases: "prior, own biases",
  shipped: "prior + personal",
  others: "others' prior + personal",
} as const;

/** Each question but the first is about a growing number of the person's own utterances. */
const questions = {
  "": "The paper's set-up: how far do one person's utterances alone go, beside baselines fitted on everyone's?",
  [startTitles.scratch]: "From scratch: how far do so many utterances of the person go without a prior head?",
  [startTitles.biases]: "Prior head, own biases: how much does learning only how often each emotion is felt add?",
  [startTitles.shipped]: "Prior + personal head: how much does a personal head add to the prior head that ships?",
  [startTitles.others]: "Others' prior + personal head: how much where the prior head is fitted on the other people?",
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
