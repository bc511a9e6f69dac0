// One run of `attune experiment`: opens the requested experiments, computes or looks up every cell, and returns the
// result and the plots' data.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pooledSize } from "@attune/ml/encoder/pooling";
import { openEngine } from "@attune/platform/engine";
import { AppError } from "@attune/shared/errors";
import { openBackend } from "../../pretraining/backend/backend.js";
import type { Tf } from "../../pretraining/backend/tensorflow.js";
import { type BaselineTasks, baselinesOf, baselineTasks } from "../classifiers/baselines.js";
import type { ClassifierBench } from "../classifiers/classifier-tasks.js";
import { createElmClassifiers } from "../classifiers/elm-classifier.js";
import { experimentByName } from "../tables/catalogue.js";
import { createCodeDigest } from "../workbench/code-digest.js";
import { openData } from "../workbench/data.js";
import { type ExtractorSource, openSource } from "../workbench/extractor-source.js";
import { createFeatureCache } from "../workbench/feature-cache.js";
import type { Cell, Experiment, ExperimentResult, OutcomeOf } from "../workbench/outcome.js";
import { dataDigest, keepLatest, type Workbench } from "../workbench/workbench.js";
import { openCellStore } from "./cell-store.js";
import { assembled, failuresOf } from "./failures.js";
import { type Lane, openThread, thisThread } from "./lanes.js";
import type { ExperimentOptions, ExperimentRequest } from "./options.js";
import { runTasks, tasksOf } from "./run.js";

export interface ExperimentRun {
  readonly result: ExperimentResult;
  readonly bench: ClassifierBench;
  readonly experiments: readonly Experiment[];
  readonly baselines: BaselineTasks;
  readonly outcomeOf: OutcomeOf;
}

const bundledDirectory = fileURLToPath(new URL("../../../../../assets/extractor", import.meta.url));
const seeds = [1, 2, 3];

/** The experiments that `options` request, with nothing computed. */
export function openExperiments(options: ExperimentRequest) {
  const { engine, name: engineName } = openEngine();
  const bench = openBench(options, {
    engineName,
    features: createFeatureCache(join(options.cacheDirectory, "features"), engine),
    elm: createElmClassifiers(engine.heads),
    heads: engine.heads,
  });
  const baselines = baselineTasks(bench, bench.extractors[0]!);
  const experiments = options.names.map((name) => experimentByName(name, bench, baselines));
  const tasks = [...Object.values(baselines), ...tasksOf(experiments)];
  return { engineName, bench, baselines, experiments, tasks };
}

export async function runExperiments(options: ExperimentOptions): Promise<ExperimentRun> {
  const { engineName, bench, baselines, experiments, tasks } = openExperiments(options);
  for (const text of bench.data.warnings) options.onWarning(text);
  const { outcomeOf, faults } = await runTasks(tasks, {
    store: openCellStore(join(options.cacheDirectory, "cells.jsonl")),
    progress: options.progress,
    nowMs: () => performance.now(),
    openLanes: (missing) => openLanes(options, missing.length),
  });
  const tables = experiments.map((experiment) => ({ experiment, ...assembled(experiment, outcomeOf, faults) }));
  const result = {
    tables: tables.map(({ experiment: { name: table }, cells }) => ({
      table,
      split: options.split,
      cells: besidePaper(bench, table, cells),
    })),
    baselines: baselinesOf(bench, baselines, outcomeOf),
    failed: [...tables.flatMap(({ failed }) => failed), ...failuresOf("baselines", Object.values(baselines), faults)],
    warnings: [...bench.data.warnings],
    extractors: bench.extractors.map((source) => describeSource(source, engineName)),
  };
  return { result, bench, experiments, baselines, outcomeOf };
}

/** The paper measured MELD, and counted IEMOCAP in table 3: beside other datasets its numbers cannot be compared. */
function besidePaper({ data }: Workbench, table: string, cells: Cell[]): Cell[] {
  if (data.isPaper || table === "table3") return cells;
  return cells.map((cell) => {
    const notes = cell.paper === null ? cell.notes : [...cell.notes, "the paper's number is of MELD"];
    return { ...cell, paper: null, notes, paperNotes: [] };
  });
}

function openLanes(options: ExperimentOptions, tasks: number): readonly Lane[] {
  if (options.jobs === 0) return [thisThread];
  return Array.from({ length: Math.min(options.jobs, tasks) }, () => openThread(options));
}

function openBench(
  options: ExperimentRequest,
  { engineName, features, elm, heads }: { engineName: string } & Pick<ClassifierBench, "features" | "elm" | "heads">,
): ClassifierBench {
  const data = openData(options.dataDirectory, options.mapping ?? {}, options.split);
  const measured = options.split === "dev" ? data.dev : data.test;
  if (measured === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      `--split test: ${options.dataDirectory} holds no ${data.isPaper ? "test_sent_emo.csv" : "test part"}`,
    );
  }
  const extractors =
    options.extractors.length > 0
      ? options.extractors.map((argument) => openSource(argument, engineName))
      : [{ ...openSource(bundledDirectory, engineName), name: "bundled" }];
  refuseTwins(extractors);
  return {
    data,
    split: options.split,
    measured,
    dataKey: dataDigest(data, options.split),
    codeDigest: createCodeDigest(),
    seeds,
    full: options.full,
    withBp: options.withBp,
    ...(options.iemocapDirectory === undefined ? {} : { iemocapDirectory: options.iemocapDirectory }),
    extractors,
    elm,
    heads,
    features,
    reduced: keepLatest(),
    openTf: onceOpened(),
    scratchDirectory: join(options.cacheDirectory, "scratch"),
  };
}

/** Columns are distinguished by their names alone. */
function refuseTwins(extractors: readonly ExtractorSource[]): void {
  const names = extractors.map(({ name }) => name);
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin !== undefined) {
    throw new AppError("INVALID_INPUT", `--extractor: two of the folders are called ${twin}; rename one`);
  }
}

/** TensorFlow.js takes a second to load, and a run from cache does not need it. */
function onceOpened(): () => Promise<Tf> {
  let opened: Promise<Tf> | undefined;
  return () => {
    opened ??= openBackend().then(({ tf }) => tf);
    return opened;
  };
}

function describeSource(source: ExtractorSource, engine: string): ExperimentResult["extractors"][number] {
  const { config, pooling, maxTokens } = source.folder;
  return {
    name: source.name,
    identity: source.key,
    engine: config.modelType === "mobilebert" ? "reference" : engine,
    weights: source.weights,
    layers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    featureSize: source.reduction?.outputSize ?? pooledSize(config.hiddenSize, pooling),
    pooling,
    maxTokens,
  };
}
