// `attune pretrain`: trains a feature extractor on a labelled dataset, from random weights or a checkpoint, and leaves a run folder.

import { existsSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { makeOutputDirectory } from "@attune/platform/output-directory";
import { AppError } from "@attune/shared/errors";
import { readCheckpointFolder } from "@attune/training/checkpoints/checkpoint-import";
import { parseMapping } from "@attune/training/datasets/mapping";
import { chooseRecipe, recipes } from "@attune/training/pretraining/data/recipe";
import { readVocabulary } from "@attune/training/pretraining/data/vocabulary";
import { checkpointName } from "@attune/training/pretraining/loop/checkpoint";
import { endingText } from "@attune/training/pretraining/loop/ending";
import { type PretrainInput, pretrain } from "@attune/training/pretraining/run/pretrain";
import { createExtractionLine, createProgressLine } from "@attune/training/pretraining/run/progress";
import { fetchCheckpoint } from "./checkpoint-source.js";
import type { Command, CommandIo } from "./command.js";
import { readFlags } from "./flags.js";

const usage = `Usage: attune pretrain --data PATH (--vocabulary FILE | --from CHECKPOINT) [options]

Trains a feature extractor with TensorFlow.js and leaves a run folder: config.json, model.safetensors, tokenizer.json, heads.safetensors,
run.json, curves.svg (loss and dev F1 over the steps) and the checkpoint it resumes from.

  --data PATH          the labelled set, told by its files and learned under its own labels:
                       GoEmotions  train.tsv and dev.tsv (text, label ids, id; no header); labels.txt where ids are not the 28
                       IEMOCAP     your own copy of the release, the folder that holds Session1 to Session5: the paper's six
                                   emotions, sessions 1 to 4, a sixth of whose dialogues choose the weights; session 5 is not read
                       MELD        train_sent_emo.csv and dev_sent_emo.csv
                       EmoryNLP    emorynlp_train_final.csv and emorynlp_dev_final.csv, or its .csv, or the folder that holds it alone
                       your own    a folder with train.csv and dev.csv (or validation, valid, val; or .tsv, .jsonl), or one such
                                   table: the columns text and label, any labels; labels.txt where it is to say which there are
                                   and in which order, also of files in GoEmotions' form. Where there is no dev part, a tenth of
                                   the rows is held back by lot; of a set in one piece another tenth, which attune experiment
                                   has for a test
  --columns text=COLUMN,label=COLUMN
                       what these columns of your own tables are called. A name that holds a comma or an equals sign stands in
                       double quotes: 'text="Well, how was it?",label=mood'
  --labels OLD=NEW,OLD=NEW
                       what labels of the sets are to be called; those that come to be called the same are one. Quoted as columns are
  --extra PATH         another of these, as a second task: its training rows
  --vocabulary FILE    train from random weights: the vocab.txt of an uncased BERT, one word piece a line; pruned to what the data use
  --from CHECKPOINT    fine-tune: a folder in Hugging Face's layout, what \`attune extractor import\` wrote, or hf:OWNER/NAME[@REVISION]
  --source NAME        what run.json and the card call a checkpoint that is in a folder (default: what import.json says, or the
                       folder's name)
  --layers N           keep the checkpoint's first N layers (or train N from random weights)
  --recipe NAME        ${Object.keys(recipes).join(", ")}, or a .json file: a recipe, or a run.json whose recipe is to be repeated,
                       with a warning where data, checkpoint or teacher are not those it records (default: tiny, with --from
                       fine-tuned-2)
  --set FIELD=VALUE    change a number of the recipe, for example epochs=1, learningRate=5e-5, vocabularySize=none; may be repeated
  --teacher RUN        distil: the folder of a finished run, whose heads give soft targets beside the labels
  --reference-run RUN  the finished full run that the recipe's stopAtFraction is a share of: training ends at the first evaluation
                       whose dev F1 is at least that share of the full run's best (the paper stopped at about 0.8)
  --out DIR            the run folder (default: runs/RECIPE-SEED)
  --seed N             default: 1; equal seeds give equal weights on one backend
  --resume             go on from the run folder's checkpoint
  --json               print the run's record as JSON

A checkpoint is written about every minute. Ctrl-C writes one and stops.

Examples:
  attune pretrain --data data/goemotions --vocabulary data/vocab/bert-uncased/vocab.txt --out runs/first
  attune pretrain --data data/goemotions --extra data/emorynlp --from checkpoints/minilm --layers 3 --set epochs=1 --out runs/tuned
  attune pretrain --data data/goemotions --from hf:google/bert_uncased_L-4_H-512_A-8 --recipe fine-tuned --out runs/teacher
  attune pretrain --data IEMOCAP_full_release --from extractors/bert-tiny --recipe fine-tuned --set pooling=cls --out runs/bert-tiny
  attune pretrain --data data/calls.csv --columns text=Said,label=Mood --from checkpoints/minilm --out runs/calls
  attune pretrain --data data/goemotions --from checkpoints/minilm --teacher runs/teacher --out runs/student --resume
  attune pretrain --data data/goemotions --from checkpoints/minilm --reference-run runs/full --set stopAtFraction=0.8 --out runs/part
`;

const options = {
  data: { type: "string" },
  vocabulary: { type: "string" },
  from: { type: "string" },
  source: { type: "string" },
  layers: { type: "string" },
  extra: { type: "string" },
  columns: { type: "string" },
  labels: { type: "string" },
  recipe: { type: "string" },
  set: { type: "string", multiple: true },
  teacher: { type: "string" },
  "reference-run": { type: "string" },
  out: { type: "string" },
  seed: { type: "string" },
  resume: { type: "boolean" },
  json: { type: "boolean" },
} as const;

export const pretrainCommand: Command = {
  name: "pretrain",
  usage,
  options,
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
  await makeOutputDirectory(out, "--out");
  // Kept until the run is finished, so that it is not fetched again to go on.
  const download = `${out}.download`;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  // Again and again: npx passes a Ctrl-C on a second time, which must not end the run before its checkpoint is written.
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const line = createProgressLine({ write: io.stderr, isTty: io.isTty, nowMs: Date.now });
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
      onProgress: line.show,
      onTeaching: createExtractionLine({ write: io.stderr, isTty: io.isTty, nowMs: Date.now }),
      onWarning: (text) => {
        line.end();
        io.stderr(`warning: ${text}\n`);
      },
      signal: stop.signal,
    });
    line.end();
    if (record === undefined) {
      io.stderr("stopped; the same command with --resume goes on from here\n");
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
}

async function openStart(flags: Flags, download: string, io: CommandIo): Promise<PretrainInput["from"]> {
  const { vocabulary, from } = flags;
  if (from === undefined) return { tokenizerJson: readVocabulary(vocabulary!) };
  const { folder, source } = await fetchCheckpoint(from, download, io);
  const checkpoint = readCheckpointFolder(folder);
  return { ...checkpoint, source: flags.source ?? checkpoint.source ?? source };
}

interface Flags {
  readonly data: string;
  /** One of the two is there. */
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

function parseFlags(argv: string[]): Flags {
  const { values } = readFlags("pretrain", {
    args: argv,
    options,
  });
  const { vocabulary, from, layers } = values;
  const overrides = [...(values.set ?? []), ...(layers === undefined ? [] : [`numHiddenLayers=${layers}`])];
  const recipe = chooseRecipe(values.recipe ?? (from === undefined ? "tiny" : "fine-tuned-2"), overrides);
  const seed = Number(values.seed ?? "1");
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 20) {
    throw new AppError("INVALID_INPUT", `--seed ${values.seed}: is not a whole number from 0 to ${2 ** 20 - 1}`);
  }
  if (values.data === undefined)
    throw new AppError("INVALID_INPUT", "--data is missing: a labelled set, such as GoEmotions' folder");
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
    resume: values.resume ?? false,
  };
}
