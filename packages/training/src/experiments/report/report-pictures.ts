// Chooses the report's pictures of each table: the numbers to draw, and the title of the chart.

import { barChart } from "@attune/charts/bar-chart";
import { confusionChart } from "@attune/charts/confusion-chart";
import { lineChart } from "@attune/charts/line-chart";
import { reliabilityChart } from "@attune/charts/reliability-chart";
import { classifierRows, classifierTask } from "../classifiers/classifier-tasks.js";
import { sampleCounts } from "../classifiers/personal.js";
import type { ExperimentRun } from "../run/experiment.js";
import { histogramBins, minExponent, roundingTasks } from "../tables/figure2.js";
import { reductionRows } from "../tables/table6.js";
import { meanCurve, meanRow } from "../tables/table7.js";
import { countName, personTasks, startTitles } from "../tables/table7-tasks.js";
import { reliabilityPoints } from "../workbench/measurement.js";
import { deviation, mean, type Outcome } from "../workbench/outcome.js";

/** The pictures as HTML; empty for a table without any. */
export function picturesOf(table: string, run: ExperimentRun): string {
  switch (table) {
    case "table4":
      return confusions(run) + reliabilities(run);
    case "table6":
      return tradeOff(run);
    case "table7":
      return people(run);
    case "figure2":
      return histograms(run);
    default:
      return "";
  }
}

interface Measured {
  readonly title: string;
  readonly outcome: Outcome;
}

/** Every classifier of table 4 with a number. */
function classifiersOf({ bench, outcomeOf }: ExperimentRun): Measured[] {
  return bench.extractors
    .filter(({ paper }) => paper?.pretrained !== true)
    .flatMap((source) =>
      classifierRows.flatMap((row) => {
        const task = classifierTask(bench, { source }, row);
        const outcome = task && outcomeOf(task);
        return outcome?.scores.length ? [{ title: `${source.name}: ${row}`, outcome }] : [];
      }),
    );
}

function confusions(run: ExperimentRun): string {
  return classifiersOf(run)
    .map(({ title, outcome }) =>
      outcome.confusion === undefined ? "" : confusionChart(title, outcome.confusion, run.bench.data.classes),
    )
    .join("");
}

function reliabilities(run: ExperimentRun): string {
  return classifiersOf(run)
    .map(({ title, outcome }) => {
      const ece = (name: string) => (mean(outcome.series?.[name] ?? []) ?? 0).toFixed(3);
      const series = [
        { name: `with temperature, ECE ${ece("ece")}`, points: reliabilityPoints(outcome, "") },
        { name: `without, ECE ${ece("plain ece")}`, points: reliabilityPoints(outcome, "plain ") },
      ];
      return reliabilityChart(`${title}: reliability`, series);
    })
    .join("");
}

function levelsOf({ result }: ExperimentRun): { name: string; y: number }[] {
  const { bagOfWords, randomFeatures } = result.baselines;
  return [
    { name: "bag of words", y: bagOfWords.measured },
    { name: "random encoder", y: randomFeatures.measured },
  ].flatMap(({ name, y }) => (y === null ? [] : [{ name, y }]));
}

function tradeOff(run: ExperimentRun): string {
  const all = reductionRows(run.bench);
  return run.bench.extractors
    .map((source) => {
      const rows = all.filter((row) => row.source === source).toReversed();
      const names = rows[0]?.tasks.map(({ column }) => column) ?? [];
      const series = names.map((name) => ({
        name,
        points: rows.flatMap(({ tasks }, x) => {
          const task = tasks.find(({ column }) => column === name)?.task;
          const scores = task === undefined ? [] : run.outcomeOf(task).scores;
          const y = mean(scores);
          return y === null ? [] : [{ x, y, sd: deviation(scores) }];
        }),
      }));
      const ticks = rows.map(({ size }) => String(size));
      const axes = { xLabel: "features after PCA", yLabel: "weighted F1", ticks };
      return lineChart({ title: `${source.name}: what PCA costs`, ...axes, series, levels: levelsOf(run) });
    })
    .join("");
}

/** One chart for the mean and one a person, all with the same axis. */
function people(run: ExperimentRun): string {
  const { bench, outcomeOf } = run;
  const nameOf = (start: keyof typeof startTitles) => (start === "scratch" ? "from scratch" : startTitles[start]);
  const charts = bench.extractors.flatMap((source) => {
    const people = personTasks(bench, source);
    const of = bench.extractors.length > 1 ? `, ${source.name}` : "";
    const each = people.map(({ speaker, curves }) => {
      const measured = outcomeOf(curves[0]!.task).series?.rows?.[1] ?? 0;
      const series = curves.map(({ start, task }) => ({
        name: nameOf(start),
        points: curvePoints(outcomeOf(task).series ?? {}),
      }));
      return { title: `${speaker}${of} (${measured} utterances measured)`, series };
    });
    const series = (people[0]?.curves ?? []).map(({ start }) => ({
      name: nameOf(start),
      points: curvePoints(meanCurve(people, start, outcomeOf)),
    }));
    return [{ title: `${meanRow(bench)}${of}`, series }, ...each];
  });
  if (bench.data.speakers.length === 0) return "";
  const ends = charts.flatMap(({ series }) => series.flatMap(({ points }) => points));
  const reach = ends.flatMap(({ y, sd }) => [y - (sd ?? 0), y + (sd ?? 0)]);
  const axes = { xLabel: "the person's own utterances", yLabel: "weighted F1", ticks: sampleCounts.map(countName) };
  return charts.map((chart) => lineChart({ ...chart, ...axes, levels: [], reach })).join("");
}

function curvePoints(scoresOf: Readonly<Record<string, number[]>>): { x: number; y: number; sd: number | null }[] {
  return sampleCounts.flatMap((count, x) => {
    const scores = scoresOf[countName(count)] ?? [];
    const y = mean(scores);
    return y === null ? [] : [{ x, y, sd: deviation(scores) }];
  });
}

function histograms({ bench, outcomeOf }: ExperimentRun): string {
  return roundingTasks(bench)
    .flatMap(({ source, errors }) =>
      errors.map(({ representation, task }) => {
        const counts = outcomeOf(task).series?.histogram;
        if (counts === undefined) return "";
        const bars = Array.from({ length: histogramBins }, (_, bin) => ({
          label: `1e${minExponent + bin}`,
          value: counts[bin] ?? 0,
        }));
        const axes = { xLabel: "squared error against FP32 (from)", yLabel: "features", bars };
        return barChart({ title: `${source.name}, ${representation}`, ...axes });
      }),
    )
    .join("");
}
