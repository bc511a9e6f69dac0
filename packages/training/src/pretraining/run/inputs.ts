// Reads and checks the inputs of a pre-training run before any computation: data, starting point, teacher, full run.

import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import type { CheckpointFolder } from "../../checkpoints/checkpoint-import.js";
import type { ExtractionProgress } from "../../checkpoints/extractor-files.js";
import type { DatasetMapping } from "../../datasets/mapping.js";
import type { Example } from "../data/batches.js";
import type { ChosenRecipe } from "../data/recipe.js";
import { changedInputs, type RecordedInputs } from "../data/recorded-inputs.js";
import { loadTrainingData, type TaskRow, type TrainingData } from "../data/training-data.js";
import { openTeacher, type Teacher } from "../loop/teacher.js";
import type { ProgressReport } from "../loop/trainer.js";
import { readFinishedRun, referenceOf } from "./finished-run.js";
import type { RunRecord, TeacherRecord } from "./run-record.js";
import { type StartingPoint, startFromCheckpoint, startFromRandom } from "./starting-point.js";

export interface PretrainInput {
  /** A labelled set's folder, or an owner's table. */
  readonly dataDirectory: string;
  /** Another set, which becomes a second task. */
  readonly extraPath?: string | undefined;
  /** The columns of an owner's tables that are not called text and label. */
  readonly mapping?: DatasetMapping | undefined;
  /** Random weights under a vocabulary, or a checkpoint's. */
  readonly from: { readonly tokenizerJson: string } | (CheckpointFolder & { readonly source: string });
  /** A finished run folder whose heads give soft targets. */
  readonly teacherDirectory?: string | undefined;
  /** A finished full run; `stopAtFraction` is a share of its dev metric. */
  readonly referenceDirectory?: string | undefined;
  readonly recipe: ChosenRecipe;
  readonly out: string;
  readonly seed: number;
  readonly resume: boolean;
  readonly onProgress?: (progress: ProgressReport) => void;
  /** Called while the teacher reads the training texts. */
  readonly onTeaching?: (progress: ExtractionProgress) => void;
  /** Receives a warning that does not stop the run. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface RunInputs {
  readonly dataset: TrainingData;
  readonly start: StartingPoint;
  readonly teaching: { readonly teacher: Teacher; readonly record: TeacherRecord } | undefined;
  readonly reference: RunRecord["reference"];
  /** The digest of everything that the weights depend on: a checkpoint with another fingerprint is not resumed. */
  readonly fingerprint: string;
  readonly encode: (row: TaskRow) => Example;
}

/** Throws INVALID_DATASET, INVALID_CHECKPOINT or INVALID_INPUT, naming the file or the flag. */
export function readInputs(input: PretrainInput): RunInputs {
  const { recipe } = input.recipe;
  const dataset = loadTrainingData({ data: input.dataDirectory, extra: input.extraPath, mapping: input.mapping });
  for (const text of dataset.warnings) input.onWarning?.(text);
  const start = startOf(input, dataset);
  const teaching = teachingOf(input, dataset);
  const reference = referenceOf({ recipe, directory: input.referenceDirectory, data: dataset.digests });
  warnOfChanges(input, { data: dataset.digests, checkpoint: start.provenance, teacher: teaching?.teacher });
  const tokenizer = createTokenizer(start.tokenizerJson);
  return {
    dataset,
    start,
    teaching,
    reference,
    fingerprint: fingerprintOf(input, { dataset, start, teaching, reference }),
    encode: ({ text, target }) => ({ ids: tokenizer.encode(text, { maxTokens: recipe.maxTokens }).ids, target }),
  };
}

function startOf({ from, recipe: { recipe } }: PretrainInput, { tasks }: TrainingData): StartingPoint {
  const texts = tasks.flatMap((task) => task.rows.map((row) => row.text));
  return "model" in from
    ? startFromCheckpoint(from, { recipe, texts })
    : startFromRandom(from.tokenizerJson, { recipe, texts });
}

function teachingOf(
  { teacherDirectory, recipe: { recipe } }: PretrainInput,
  { tasks }: TrainingData,
): RunInputs["teaching"] {
  if (teacherDirectory === undefined) return undefined;
  const teacher = openTeacher(teacherDirectory, tasks);
  if (recipe.distillation === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      "--teacher: the recipe has no distillation; --set distillation.weight=0.5 --set distillation.temperature=2",
    );
  }
  const { data: _, ...run } = readFinishedRun(teacherDirectory, "--teacher");
  return { teacher, record: { ...run, digest: teacher.digest } };
}

/** JSON omits undefined values, so that a run without a teacher has the same fingerprint in every version. */
function fingerprintOf(
  { seed, recipe: { recipe } }: PretrainInput,
  { dataset, start, teaching, reference }: Omit<RunInputs, "fingerprint" | "encode">,
): string {
  const { config, tokenizerJson, provenance } = start;
  return sha256(
    JSON.stringify({
      data: dataset.digests,
      recipe,
      seed,
      tokenizer: sha256(tokenizerJson),
      config,
      checkpoint: provenance?.files,
      teacher: teaching?.teacher.digest,
      reference,
    }),
  );
}

/** Warns if a run that repeats a recorded one starts from other inputs. */
function warnOfChanges({ recipe: { name, recorded }, onWarning }: PretrainInput, now: RecordedInputs): void {
  if (recorded === undefined) return;
  const changed = changedInputs(recorded, now);
  if (changed.length === 0) return;
  onWarning?.(
    `--recipe ${name}: what goes in is not what is recorded there (${changed.join(", ")}), so the weights will differ`,
  );
}
