// `attune pretrain`: trains a feature extractor on a labelled dataset and leaves a run folder.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";
import { checkpointName } from "../pretraining/checkpoint.js";
import { pretrain } from "../pretraining/pretrain.js";
import { createProgressLine } from "../pretraining/progress.js";
import { recipeByName, recipes } from "../pretraining/recipe.js";
import { readVocabulary } from "../pretraining/vocabulary.js";
import type { Command, CommandIo } from "./command.js";

const usage = `Usage: attune pretrain --data DIR --vocabulary FILE [options]

Trains a feature extractor with TensorFlow.js and leaves a run folder: config.json, model.safetensors, tokenizer.json,
run.json and the checkpoint it resumes from.

  --data DIR         GoEmotions: train.tsv and dev.tsv (text, label ids, id); labels.txt where ids are not the 28
  --vocabulary FILE  the vocab.txt of an uncased BERT, one word piece a line; pruned to what the data use
  --extra PATH       EmoryNLP, as a second task
  --recipe NAME      ${Object.keys(recipes).join(", ")} (default: tiny)
  --out DIR          the run folder (default: runs/RECIPE-SEED)
  --seed N           default: 1; equal seeds give equal weights on one backend
  --resume           go on from the run folder's checkpoint
  --json             print the run's record as JSON

Ctrl-C saves a checkpoint and stops.

Examples:
  attune pretrain --data data/goemotions --vocabulary data/vocab/bert-uncased/vocab.txt --out runs/first
  attune pretrain --data data/goemotions --vocabulary vocab.txt --extra data/emorynlp --recipe small --seed 2 --resume
`;

export const pretrainCommand: Command = {
  name: "pretrain",
  summary: "train a feature extractor on a labelled dataset",
  usage,
  run,
};

async function run(argv: string[], io: CommandIo): Promise<number> {
  const flags = parseFlags(argv);
  const out = resolve(flags.out);
  if (!flags.resume && existsSync(join(out, checkpointName))) {
    throw new AppError(
      "INVALID_INPUT",
      `--out ${flags.out}: holds a run already; add --resume or choose another folder`,
    );
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    const record = await pretrain({
      dataDirectory: flags.data,
      extraPath: flags.extra,
      vocabulary: readVocabulary(flags.vocabulary),
      recipeName: flags.recipe,
      recipe: recipeByName(flags.recipe),
      out,
      seed: flags.seed,
      resume: flags.resume,
      onProgress: createProgressLine({ write: io.stderr, isTty: io.isTty, nowMs: Date.now }),
      signal: stop.signal,
    });
    if (record === undefined) {
      io.stderr("\nstopped; the same command with --resume goes on from here\n");
      return 130;
    }
    if (io.json) io.stdout(JSON.stringify(record));
    else {
      const best = record.epochs[record.bestEpoch];
      io.stdout(`${out}: best of ${record.epochs.length} epochs: ${record.bestEpoch + 1}`);
      io.stdout(
        `dev weighted F1 ${best?.devMetric.toFixed(4)} · ${record.parameters} weights · ${record.trainingSeconds} s`,
      );
    }
    return 0;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

interface Flags {
  readonly data: string;
  readonly vocabulary: string;
  readonly extra: string | undefined;
  readonly recipe: string;
  readonly out: string;
  readonly seed: number;
  readonly resume: boolean;
}

function parseFlags(argv: string[]): Flags {
  const { values } = readFlags(argv);
  const recipe = values.recipe ?? "tiny";
  const seed = Number(values.seed ?? "1");
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 20) {
    throw new AppError("INVALID_INPUT", `--seed ${values.seed}: is not a whole number from 0 to ${2 ** 20 - 1}`);
  }
  if (values.data === undefined) throw new AppError("INVALID_INPUT", "--data is missing: the folder of GoEmotions");
  if (values.vocabulary === undefined) {
    throw new AppError("INVALID_INPUT", "--vocabulary is missing: the vocab.txt of an uncased BERT");
  }
  return {
    data: values.data,
    vocabulary: values.vocabulary,
    extra: values.extra,
    recipe,
    out: values.out ?? join("runs", `${recipe}-${seed}`),
    seed,
    resume: values.resume ?? false,
  };
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        data: { type: "string" },
        vocabulary: { type: "string" },
        extra: { type: "string" },
        recipe: { type: "string" },
        out: { type: "string" },
        seed: { type: "string" },
        resume: { type: "boolean" },
        json: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new AppError("INVALID_INPUT", `${(error as Error).message}; see attune pretrain --help`, { cause: error });
  }
}
