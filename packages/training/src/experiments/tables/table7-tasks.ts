// The tasks of table 7, one person at a time: the paper's set-up, and the curves of a personal head over the number of
// utterances.

import type { LinearHead } from "@attune/ml/heads/linear";
import { createRandom } from "@attune/ml/tensor/random";
import { sha256 } from "@attune/platform/sha256";
import { measureClassifier } from "../classifiers/classifiers.js";
import { sgdLinear } from "../classifiers/linear-classifier.js";
import {
  biasesOnly,
  drawnOrders,
  emptyPrior,
  fromScratch,
  inBatch,
  labelByLabel,
  othersPrior,
  personCurve,
  sampleCounts,
} from "../classifiers/personal.js";
import { paperTable7Components } from "../paper.js";
import { labelsOf } from "../workbench/data.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import type { Finding, Task } from "../workbench/outcome.js";
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
export const paperCounts = [Number.POSITIVE_INFINITY, 500, 200] as const;
export const countName = (count: number) => (Number.isFinite(count) ? String(count) : "All");

export interface PersonTasks {
  readonly source: ExtractorSource;
  readonly speaker: string;
  readonly paper: readonly Task[];
  readonly curves: readonly { readonly start: Start; readonly task: Task }[];
}

/**
 * The start of a personal head: nothing, the extractor's prior head, or a head fitted on everyone else's rows.
 * On the prior head, a person learns only biases, all weights, or a mixture of experts label by label.
 */
export type Start = keyof typeof startTitles;

export const startTitles = {
  scratch: "scratch",
  biases: "prior, own biases",
  shipped: "prior + personal",
  mixture: "mixture, label by label",
  others: "others' prior + personal",
  othersMixture: "others' prior, mixture",
} as const;

/** For each person: the paper's set-up at three sizes, and the curves over the number of utterances. */
export function personTasks(bench: Workbench, source: ExtractorSource): PersonTasks[] {
  const { speakers, train } = bench.data;
  const hasPrior = priorOf(bench, source) !== undefined;
  return speakers.map((speaker) => ({
    source,
    speaker,
    paper: paperCounts.map((count) => paperTask(bench, source, { speaker, count })),
    curves: (Object.keys(startTitles) as Start[])
      .filter((start) => hasPrior || start === "scratch" || isOnOthers(start))
      .filter((start) => !isOnOthers(start) || train.some((row) => row.speaker !== speaker))
      .map((start) => ({ start, task: curveTask(bench, source, { speaker, start }) })),
  }));
}

const isOnOthers = (start: Start) => start === "others" || start === "othersMixture";
const isMixture = (start: Start) => start === "mixture" || start === "othersMixture";

/** The release's own prior head, if it has the dataset's classes. */
export function priorOf({ data }: Workbench, { prior }: ExtractorSource): LinearHead | undefined {
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
    start === "scratch" || isOnOthers(start) ? [] : [sha256(Float64Array.from(source.prior!.weight).join(","))];
  return {
    key: taskKey(
      bench,
      import.meta.url,
      "personal",
      start,
      ...ownPrior,
      sampleCounts.join(","),
      String(drawnOrders),
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
          : isOnOthers(start)
            ? othersPrior(without(bench, train, speaker), identity, bench.heads)
            : source.prior!;
      const candidates = start === "scratch" ? fromScratch : start === "biases" ? biasesOnly : {};
      const learn = isMixture(start) ? labelByLabel(prior, bench.heads) : inBatch(prior, candidates, bench.heads);
      const curve = personCurve({ train: own, measure, prior, learn, isOrdered: isMixture(start) }, report);
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

/** The train rows of everyone but the speaker. */
export function without(bench: Workbench, train: Examples["features"], speaker: string): Examples {
  const rows = bench.data.train;
  const others = [...rows.keys()].filter((i) => rows[i]!.speaker !== speaker);
  return subset({ features: train, labels: labelsOf(rows) }, others);
}
