// `attune experiment`: reruns the paper's tables on any extractor, beside the paper's numbers and the baselines that keep both honest.

import { dirname, join, parse, resolve } from "node:path";
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
import { createProgress } from "@attune/training/experiments/run/progress";
import { type ExperimentName, experimentNames } from "@attune/training/experiments/tables/catalogue";
import type { Failure } from "@attune/training/experiments/workbench/outcome";
import { readEnv } from "../env.js";
import type { Command, CommandIo } from "./command.js";
import { countOf, readFlags } from "./flags.js";

const usage = `Usage: attune experiment NAME... --data DIR [options]

NAME: ${experimentNames.join(", ")}, or all. Reruns the paper's experiments; on MELD every number stands beside the paper's.

  --data PATH        MELD: train_sent_emo.csv, dev_sent_emo.csv and, for --split test, test_sent_emo.csv. Or another labelled set,
                     told by its files: IEMOCAP's release, GoEmotions, EmoryNLP (emorynlp_train_final.csv and its dev and test), or
                     your own: a folder with train, dev (or validation, valid, val) and test (.csv, .tsv or .jsonl), or one such
                     file, of which a tenth each is held back by lot for dev and test
  --columns text=COLUMN,label=COLUMN[,speaker=COLUMN]
                     what these columns of your own tables are called (default: text, label and, where there is one, speaker).
                     A name that holds a comma or an equals sign stands in double quotes: 'text="Well, how was it?",label=mood'
  --labels OLD=NEW,OLD=NEW
                     what labels are to be called; those that come to be called the same are one. Quoted as columns are
  --extractor X      DIR (a frozen extractor, a run of \`attune pretrain\`, or an import) or NAME=DIR for one of the paper's:
                     roberta, mobilebert, bert-medium, bert-tiny, each also with -pretrained. Again for more.
                     Default: the bundled extractor
  --split dev|test   what is measured (default: dev). Settings are chosen on a fifth of train for dev, on dev for test
  --with-bp          fine-tune encoders end to end (table 4's upper bound) also where that takes more than an hour
  --full             the paper's whole grids, chosen anew for each seed; hours instead of minutes
  --jobs N           how many cells are computed at a time, up to 1 GB of memory each (default: one a core, at most 4)
  --iemocap DIR      your own copy of the IEMOCAP release, for table3: the folder that holds Session1 to Session5
  --report FILE      the HTML report (default: ATTUNE_HOME/reports/NAME-DATA-SPLIT.html). It shows sample utterances of your dataset
  --json             {"tables","baselines","failed","warnings","extractors"} on standard output; n is the number of runs behind a number

A cell or table that fails is named at the end with its reason, and the exit code is 1; all others are printed and saved.
Every cell is saved when it is found, under ATTUNE_HOME/cache: a run that was stopped goes on, and a rerun takes seconds. Two runs in one home
work beside each other: the second names the first, and each takes over what the other has saved.

Examples:
  attune experiment table4 --data data/meld
  attune experiment all --data data/meld --split dev --json > result.json
  attune experiment table4 table7 --data calls.jsonl --columns text=said,label=mood,speaker=who --labels happy=joy,mad=anger
  attune experiment table5 --data data/meld --extractor bert-tiny=extractors/tiny --extractor bert-tiny-pretrained=runs/tiny-1
`;

const options = {
  data: { type: "string" },
  columns: { type: "string" },
  labels: { type: "string" },
  extractor: { type: "string", multiple: true },
  split: { type: "string", default: "dev" },
  iemocap: { type: "string" },
  report: { type: "string" },
  full: { type: "boolean" },
  jobs: { type: "string" },
  "with-bp": { type: "boolean" },
  json: { type: "boolean" },
} as const;

export const experimentCommand: Command = {
  name: "experiment",
  usage,
  options,
  run,
};

async function run(argv: string[], io: CommandIo): Promise<number> {
  const flags = parseFlags(argv);
  const { home } = readEnv();
  const progress = createProgress({ write: io.stderr, isTty: io.isTty, nowMs: () => performance.now() });
  const cacheDirectory = join(home, "cache");
  const report = flags.report ?? join(home, "reports", reportName(flags));
  await makeOutputDirectory(cacheDirectory, "ATTUNE_HOME");
  await makeOutputDirectory(dirname(report), flags.report === undefined ? "ATTUNE_HOME" : "--report");
  if (await isDirectory(report)) throw new AppError("INVALID_INPUT", `--report ${report}: is a folder; name a file`);
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
    io.stderr("stopped; the same command goes on from here\n");
    return 130;
  }
  const { result, experiments } = outcome;
  // Utterances: for this user's eyes.
  await writeFileDurably(report, reportHtml(outcome), 0o600);
  io.stderr(`report: ${report}\n`);
  if (io.json) io.stdout(JSON.stringify(result));
  else {
    for (const [index, table] of result.tables.entries()) {
      io.stdout(tableText(table, experiments[index]!.title, result.baselines));
    }
  }
  return tellFailures(result.failed, io);
}

/** After the tables, where they are read; what was found is saved, so the same command tries these alone again. */
function tellFailures(failed: readonly Failure[], io: CommandIo): number {
  if (failed.length === 0) return 0;
  for (const failure of failed) io.stderr(`failed: ${printable(failureText(failure))}\n`);
  io.stderr(
    `${failed.length === 1 ? "1 cell" : `${failed.length} cells`} could not be computed; the same command tries again\n`,
  );
  for (const code of new Set(failed.map(({ code }) => code))) {
    if (isErrorCode(code)) io.stderr(`what to do about ${code}: ${errorTable[code].remedy}\n`);
  }
  return 1;
}

/** Of its own for each dataset: reports of several stand beside each other. */
function reportName({ title, dataDirectory, split }: ReturnType<typeof parseFlags>): string {
  return `${title}-${parse(dataDirectory).name}-${split}.html`;
}

/** undefined as soon as Ctrl-C comes; the threads end with the process, and what they found is on disk. */
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

function parseFlags(argv: string[]) {
  const { values, positionals } = readFlags("experiment", {
    args: argv,
    allowPositionals: true,
    options,
  });
  if (positionals.length === 0) {
    throw new AppError("INVALID_INPUT", `name an experiment: ${experimentNames.join(", ")}, or all`);
  }
  const names = positionals.includes("all") ? experimentNames : [...new Set(positionals.map(experimentName))];
  if (values.data === undefined)
    throw new AppError("INVALID_INPUT", "--data is missing: the folder of MELD, or another labelled set");
  const { split } = values;
  if (split !== "dev" && split !== "test") {
    throw new AppError("INVALID_INPUT", `--split ${split}: is not dev or test`);
  }
  return {
    names,
    title: names === experimentNames ? "all" : names.join("-"),
    report: values.report === undefined ? undefined : resolve(values.report),
    split,
    dataDirectory: resolve(values.data),
    mapping: parseMapping(values),
    extractors: values.extractor ?? [],
    full: values.full ?? false,
    withBp: values["with-bp"] ?? false,
    jobs: countOf("jobs", values.jobs),
    iemocapDirectory: values.iemocap === undefined ? undefined : resolve(values.iemocap),
  } as const;
}

function experimentName(given: string): ExperimentName {
  const name = experimentNames.find((known) => known === given);
  if (name === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      `there is no experiment "${given}"; there are ${experimentNames.join(", ")}, all`,
    );
  }
  return name;
}
