// Table 6: the loss by PCA, at the paper's shares of each extractor's features.

import { pooledSize } from "@attune/ml/encoder/pooling";
import { fitPca } from "@attune/ml/features/pca";
import { type ClassifierBench, type ClassifierRow, classifierTask } from "../classifiers/classifier-tasks.js";
import { type PaperReduction, paperTable6 } from "../paper.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import {
  type Cell,
  type Experiment,
  emptyCell,
  measuredCell,
  type OutcomeOf,
  type Task,
} from "../workbench/outcome.js";
import { featureKey, splitFeatures, taskKey, type Workbench } from "../workbench/workbench.js";
import { missingCheckpoint, paperColumnOf } from "./table4.js";

const columns = ["Linear", "Linear (optimum)", "Hidden", "ELM", "OSELM"] as const satisfies readonly ClassifierRow[];
type Column = (typeof columns)[number];

interface ReductionRow {
  readonly source: ExtractorSource;
  readonly size: number;
  readonly share: number;
  readonly paper: PaperReduction | undefined;
  readonly tasks: readonly { readonly column: Column; readonly task: Task | undefined }[];
  readonly variance: Task;
}

export function reductionRows(bench: ClassifierBench): ReductionRow[] {
  return bench.extractors.flatMap((source) => {
    const whole = featureCount(source);
    const extractor = paperColumnOf(source) === "BERT-Medium" ? "BERT-Medium" : "BERT-Tiny";
    const variance = varianceTask(bench, source);
    return paperTable6
      .filter((row) => row.extractor === extractor)
      .map((row): ReductionRow => {
        const size = Math.max(1, Math.round(whole * row.share));
        const choice = row.share === 1 ? { source } : { source, components: size };
        const fits = size <= bench.data.train.length;
        const tasks = columns.map((column) => ({
          column,
          task: fits ? classifierTask(bench, choice, column) : undefined,
        }));
        const comparable = source.paper === undefined || source.paper.extractor === row.extractor;
        return { source, size, share: row.share, paper: comparable ? row : undefined, tasks, variance };
      });
  });
}

function featureCount({ reduction, folder }: ExtractorSource): number {
  return reduction?.outputSize ?? pooledSize(folder.config.hiddenSize, folder.pooling);
}

/** The share of the features' variance that the first k components keep, for every k. */
function varianceTask(bench: Workbench, source: ExtractorSource): Task {
  return {
    key: taskKey(bench, import.meta.url, "explained-variance", featureKey({ source })),
    what: `components of ${source.name}`,
    cost: 10,
    compute(report) {
      const { train } = splitFeatures(bench, { source }, report);
      const { explainedVarianceRatio } = fitPca(train, Math.min(train.rows, train.cols));
      let sum = 0;
      const kept = Array.from(explainedVarianceRatio, (ratio) => {
        sum += ratio;
        return sum;
      });
      return { scores: [], notes: [], series: { kept } };
    },
  };
}

export function table6(bench: ClassifierBench): Experiment {
  const rows = reductionRows(bench);
  const missing = paperTable6.filter(({ extractor }) =>
    bench.extractors.every(({ paper }) => paper?.extractor !== extractor),
  );
  return {
    name: "table6",
    title: "Weighted F1 after PCA",
    tasks: rows.flatMap(({ tasks, variance }) => [variance, ...tasks.flatMap(({ task }) => task ?? [])]),
    assemble: (outcomeOf) => [
      ...rows.flatMap((row) => rowCells(row, outcomeOf)),
      ...missing.flatMap(({ extractor, size, share, f1 }) =>
        (["Linear", "Hidden", "ELM", "OSELM"] as const).map((column) => {
          const row = `${extractor} ${share === 1 ? "" : "PCA "}${size}`;
          return emptyCell({ row, column, paper: f1[column] }, missingCheckpoint(extractor));
        }),
      ),
    ],
  };
}

function rowCells({ source, size, share, paper, tasks, variance }: ReductionRow, outcomeOf: OutcomeOf): Cell[] {
  const row = `${source.name} ${share === 1 ? "" : "PCA "}${size}`;
  const kept = outcomeOf(variance).series?.kept?.[size - 1];
  const paperNotes =
    source.paper === undefined && paper !== undefined ? [`${paper.extractor}, ${paper.size} features`] : [];
  return [
    ...tasks.flatMap(({ column, task }) => {
      if (task === undefined) {
        return emptyCell({ row, column, paper: null }, `train has fewer rows than the ${size} components`);
      }
      const { scores, notes } = outcomeOf(task);
      const own = column === "Linear (optimum)" ? null : (paper?.f1[column] ?? null);
      return measuredCell({ row, column, paper: own, paperNotes }, { scores, notes });
    }),
    measuredCell(
      { row, column: "variance kept", paper: null },
      { scores: kept === undefined ? [] : [kept], notes: [] },
    ),
  ];
}
