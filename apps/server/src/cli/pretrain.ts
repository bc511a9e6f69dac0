// `attune pretrain`: trains a feature extractor on a labelled dataset, from random weights or a checkpoint, and
// leaves a run folder.

import { rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Body, ValuesOf } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { readCheckpointFolder } from "@attune/training/checkpoints/checkpoint-import";
import { parseMapping } from "@attune/training/datasets/mapping";
import { chooseRecipe } from "@attune/training/pretraining/data/recipe";
import { readVocabulary } from "@attune/training/pretraining/data/vocabulary";
import { checkpointName } from "@attune/training/pretraining/loop/checkpoint";
import { endingText } from "@attune/training/pretraining/loop/ending";
import type { PretrainInput } from "@attune/training/pretraining/run/inputs";
import { pretrain } from "@attune/training/pretraining/run/pretrain";
import { trainingProgress } from "@attune/training/pretraining/run/progress";
import { fetchCheckpoint } from "./checkpoint-source.js";
import type { pretrain as declaration } from "./declarations/training.js";
import { progressOn } from "./progress-on.js";

export const runPretrain: Body<typeof declaration, CommandIo> = async ({ values }, io) => {
  const flags = flagsOf(values);
  const out = resolve(flags.out);
  if (!flags.resume && isPresentSync(join(out, checkpointName))) {
    throw new AppError(
      "INVALID_INPUT",
      `--out ${flags.out} holds a run already; add --resume or choose another folder`,
    );
  }
  await makeOutputDirectory(out, "--out");
  // The download is kept until the run has finished, so that a resumed run does not fetch it again.
  const download = `${out}.download`;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  // The handlers stay for repeated signals: npx passes a Ctrl-C on a second time, which must not end the run before
  // its checkpoint is written.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const line = progressOn(io);
  try {
    const record = await pretrain({
      dataDirectory: flags.data,
      extraPath: flags.extra,
      mapping: flags.mapping,
      from: await openStart(flags, download, io),
      teacherDirectory: flags.teacher,
      referenceDirectory: flags.reference,
      recipe: flags.recipe,
      out,
      seed: flags.seed,
      resume: flags.resume,
      onProgress: (report) => line.show(trainingProgress(report)),
      onTeaching: line.show,
      onWarning: (text) => {
        line.end();
        io.stderr(`warning: ${text}\n`);
      },
      signal: stop.signal,
    });
    line.end();
    if (record === undefined) {
      io.stderr("stopped; repeat the command with --resume to resume\n");
      return 130;
    }
    rmSync(download, { recursive: true, force: true });
    if (io.json) io.stdout(JSON.stringify(record));
    else {
      const { evaluations, selectedEvaluation } = record;
      const ending = endingText(record);
      const { devMetric, epoch } = evaluations[selectedEvaluation]!;
      io.stdout(
        `${out}: evaluation ${selectedEvaluation + 1} of ${evaluations.length}, after ${epoch.toFixed(2)} epochs`,
      );
      io.stdout(`dev weighted F1 ${devMetric.toFixed(4)} · ${record.parameters} weights · ${record.trainingSeconds} s`);
      if (ending !== undefined) io.stdout(`training ended ${ending}`);
    }
    return 0;
  } finally {
    line.end();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
};

async function openStart(flags: Flags, download: string, io: CommandIo): Promise<PretrainInput["from"]> {
  const { vocabulary, from } = flags;
  if (from === undefined) return { tokenizerJson: readVocabulary(vocabulary!) };
  const { folder, source } = await fetchCheckpoint(from, download, io);
  const checkpoint = readCheckpointFolder(folder);
  return { ...checkpoint, source: flags.source ?? checkpoint.source ?? source };
}

interface Flags {
  readonly data: string;
  /** Either `vocabulary` or `from` is set. */
  readonly vocabulary: string | undefined;
  readonly from: string | undefined;
  readonly source: string | undefined;
  readonly extra: string | undefined;
  readonly mapping: PretrainInput["mapping"];
  readonly teacher: string | undefined;
  readonly reference: string | undefined;
  readonly recipe: PretrainInput["recipe"];
  readonly out: string;
  readonly seed: number;
  readonly resume: boolean;
}

function flagsOf(values: ValuesOf<(typeof declaration)["options"]>): Flags {
  const { vocabulary, from, layers, seed } = values;
  const overrides = [...values.set, ...(layers === undefined ? [] : [`numHiddenLayers=${layers}`])];
  const recipe = chooseRecipe(values.recipe ?? (from === undefined ? "tiny" : "fine-tuned-2"), overrides);
  if ((vocabulary === undefined) === (from === undefined)) {
    throw new AppError(
      "INVALID_INPUT",
      from === undefined
        ? "--vocabulary is missing: the vocab.txt of an uncased BERT, or --from with a checkpoint to fine-tune"
        : "--vocabulary: a checkpoint brings its own; give one of --vocabulary and --from",
    );
  }
  return {
    data: values.data,
    vocabulary,
    from,
    source: values.source,
    extra: values.extra,
    mapping: parseMapping(values),
    teacher: values.teacher,
    reference: values["reference-run"],
    recipe,
    out: values.out ?? join("runs", `${basename(recipe.name, ".json")}-${seed}`),
    seed,
    resume: values.resume,
  };
}
