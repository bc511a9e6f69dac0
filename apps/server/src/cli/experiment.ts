// `attune experiment`: reruns the paper's tables on any extractor, beside the paper's numbers and simple baselines.

import { dirname, join, parse, resolve } from "node:path";
import type { Body, Input } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { isDirectory, writeFileDurably } from "@attune/platform/durable-file";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { AppError, errorTable, isErrorCode } from "@attune/shared/errors";
import { printable } from "@attune/shared/printable";
import { parseMapping } from "@attune/training/datasets/mapping";
import { reportHtml } from "@attune/training/experiments/report/report";
import { tableText } from "@attune/training/experiments/report/text-table";
import { runExperiments } from "@attune/training/experiments/run/experiment";
import { failureText } from "@attune/training/experiments/run/failures";
import { announceRun } from "@attune/training/experiments/run/other-runs";
import { experimentNames } from "@attune/training/experiments/tables/catalogue";
import type { Failure } from "@attune/training/experiments/workbench/outcome";
import { readEnv } from "../env.js";
import type { experiment } from "./declarations/training.js";
import { progressOn } from "./progress-on.js";
import { usualThreads } from "./usual-threads.js";

export const runExperiment: Body<typeof experiment, CommandIo> = async (input, io) => {
  const flags = flagsOf(input);
  const { home } = readEnv();
  const progress = progressOn(io);
  const cacheDirectory = join(home, "cache");
  const report = flags.report ?? join(home, "reports", reportName(flags));
  await makeOutputDirectory(cacheDirectory, "ATTUNE_HOME");
  await makeOutputDirectory(dirname(report), flags.report === undefined ? "ATTUNE_HOME" : "--report");
  if (await isDirectory(report)) throw new AppError("INVALID_INPUT", `--report ${report} is a folder; name a file`);
  const onWarning = (text: string) => io.stderr(`warning: ${text}\n`);
  const announced = await announceRun(join(cacheDirectory, "runs"), new Date());
  for (const { pid, since } of announced.others) {
    io.stderr(
      `process ${pid} has computed experiments in this home since ${since}; this one works beside it and takes over the cells that it saves\n`,
    );
  }
  const compute = () => runExperiments({ ...flags, cacheDirectory, progress, onWarning });
  const outcome = await untilInterrupted(compute).finally(announced.end);
  if (outcome === undefined) {
    progress.end();
    io.stderr("stopped; repeat the command to resume\n");
    return 130;
  }
  const { result, experiments } = outcome;
  // The report holds utterances, so only this user may read it.
  await writeFileDurably(report, reportHtml(outcome), { mode: 0o600 });
  io.stderr(`report: ${report}\n`);
  if (io.json) io.stdout(JSON.stringify(result));
  else {
    for (const [index, table] of result.tables.entries()) {
      io.stdout(tableText(table, experiments[index]!.title, result.baselines));
    }
  }
  return reportFailures(result.failed, io);
};

/** Reports failures below the tables. The results are saved, so the same command repeats the failed parts alone. */
function reportFailures(failed: readonly Failure[], io: CommandIo): number {
  if (failed.length === 0) return 0;
  for (const failure of failed) io.stderr(`failed: ${printable(failureText(failure))}\n`);
  io.stderr(
    `${failed.length === 1 ? "1 cell" : `${failed.length} cells`} could not be computed; repeat the command to retry\n`,
  );
  for (const code of new Set(failed.map(({ code }) => code))) {
    if (isErrorCode(code)) io.stderr(`what to do about ${code}: ${errorTable[code].remedy}\n`);
  }
  return 1;
}

/** Each dataset has a file name of its own, so that several reports stand beside each other. */
function reportName({ title, dataDirectory, split }: ReturnType<typeof flagsOf>): string {
  return `${title}-${parse(dataDirectory).name}-${split}.html`;
}

/** Undefined as soon as Ctrl-C comes. The threads end with the process, and their results are on disk. */
async function untilInterrupted<T>(compute: () => Promise<T>): Promise<T | undefined> {
  let onSignal = () => {};
  const interrupted = new Promise<undefined>((resolve) => {
    onSignal = () => resolve(undefined);
  });
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    return await Promise.race([compute(), interrupted]);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function flagsOf({ values, arguments: [given] }: Input<typeof experiment>) {
  const named = given.filter((name): name is Exclude<typeof name, "all"> => name !== "all");
  const names = named.length < given.length ? experimentNames : [...new Set(named)];
  return {
    names,
    title: names === experimentNames ? "all" : names.join("-"),
    report: values.report === undefined ? undefined : resolve(values.report),
    split: values.split,
    dataDirectory: resolve(values.data),
    mapping: parseMapping(values),
    extractors: values.extractor,
    full: values.full,
    withBp: values["with-bp"],
    jobs: values.jobs ?? usualThreads(),
    iemocapDirectory: values.iemocap === undefined ? undefined : resolve(values.iemocap),
  } as const;
}
