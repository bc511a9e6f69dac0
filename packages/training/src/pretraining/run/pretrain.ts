// From datasets to a run folder: examples, starting point, training, export, parity check and the run's record.

import { join } from "node:path";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import type { CheckpointFolder } from "../../checkpoints/checkpoint-import.js";
import { encoderFile, exportEncoder } from "../../checkpoints/export.js";
import {
  type ExtractionProgress,
  type ExtractorFolder,
  readExtractorFolder,
} from "../../checkpoints/extractor-files.js";
import type { DatasetMapping } from "../../datasets/mapping.js";
import { openBackend } from "../backend/backend.js";
import { balanceClasses, type Example, type TrainingTask } from "../data/batches.js";
import type { ChosenRecipe } from "../data/recipe.js";
import { changedInputs, type RecordedInputs } from "../data/recorded-inputs.js";
import { loadTrainingData, type TaskRow } from "../data/training-data.js";
import { goalOf } from "../loop/ending.js";
import { parityOf, refuseSteepness, steepnessText } from "../loop/parity.js";
import { openTeacher, type Teacher, teacherLogits, writeHeads } from "../loop/teacher.js";
import { type Curves, type ProgressReport, type TrainerInput, train } from "../loop/trainer.js";
import { curvesSvg } from "./curves.js";
import { readFinishedRun, referenceOf } from "./finished-run.js";
import { type RunRecord, runRecordName, type TeacherRecord } from "./run-record.js";
import { randomWeights, startFromCheckpoint, startFromRandom, wordIds } from "./starting-point.js";

export interface PretrainInput {
  /** A labelled set's folder, or a table of its owner's. */
  readonly dataDirectory: string;
  /** Another: a second task beside the first. */
  readonly extraPath?: string | undefined;
  /** Of the owner's tables, where they are not called text and label. */
  readonly mapping?: DatasetMapping | undefined;
  /** Random weights under a vocabulary, or a checkpoint's. */
  readonly from: { readonly tokenizerJson: string } | (CheckpointFolder & { readonly source: string });
  /** A finished run folder whose heads give soft targets. */
  readonly teacherDirectory?: string | undefined;
  /** A finished full run: what `stopAtFraction` is a share of. */
  readonly referenceDirectory?: string | undefined;
  readonly recipe: ChosenRecipe;
  readonly out: string;
  readonly seed: number;
  readonly resume: boolean;
  readonly onProgress?: (progress: ProgressReport) => void;
  /** While the teacher reads the training texts. */
  readonly onTeaching?: (progress: ExtractionProgress) => void;
  /** What does not stop the run and should be known. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** undefined when `signal` stopped it; `resume` then goes on from its checkpoint. */
export async function pretrain(input: PretrainInput): Promise<RunRecord | undefined> {
  const { seed, out } = input;
  const { name: recipeName, recipe } = input.recipe;
  const dataset = loadTrainingData({ data: input.dataDirectory, extra: input.extraPath, mapping: input.mapping });
  for (const text of dataset.warnings) input.onWarning?.(text);
  const texts = dataset.tasks.flatMap((task) => task.rows.map((row) => row.text));
  const start =
    "model" in input.from
      ? startFromCheckpoint(input.from, { recipe, texts })
      : startFromRandom(input.from.tokenizerJson, { recipe, texts });
  const { config, tokenizerJson } = start;
  const tokenizer = createTokenizer(tokenizerJson);
  const encode = ({ text, target }: TaskRow): Example => ({
    ids: tokenizer.encode(text, { maxTokens: recipe.maxTokens }).ids,
    target,
  });

  const teacher = input.teacherDirectory === undefined ? undefined : openTeacher(input.teacherDirectory, dataset.tasks);
  if (teacher !== undefined && recipe.distillation === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      "--teacher: the recipe has no distillation; --set distillation.weight=0.5 --set distillation.temperature=2",
    );
  }
  const taughtBy = teacher && teacherRecord(input.teacherDirectory!, teacher);
  const reference = referenceOf({ recipe, directory: input.referenceDirectory, data: dataset.digests });
  warnOfChanges(input, { data: dataset.digests, checkpoint: start.provenance, teacher });
  const fingerprint = sha256(
    JSON.stringify({
      ...{ data: dataset.digests, recipe, seed, tokenizer: sha256(tokenizerJson), config },
      ...{ checkpoint: start.provenance?.files, teacher: teacher?.digest, reference },
    }),
  );
  const { name: backend, tf } = await openBackend();
  const dev = dataset.dev.map(encode);
  const parityWith = (weights: ReadonlyMap<string, Float32Array>, files: Pick<ExtractorFolder, "config" | "model">) => {
    const encoder = referenceEngine.createEncoder(files.config, files.model);
    return parityOf({ tf, config, recipe }, { weights, encoder, examples: dev.slice(0, 16) });
  };
  const initial = start.weights ?? randomWeights(config, seed);
  // Before hours of training; afterwards only the weights are others.
  refuseSteepness(parityWith(initial, { config, model: encoderFile(config, initial) }));
  const logits =
    teacher === undefined
      ? undefined
      : teacherLogits({
          ...{ tf, teacher, directory: out, dataDigest: sha256(JSON.stringify(dataset.digests)) },
          tasks: dataset.tasks.map(({ name, rows }) => ({ task: name, texts: rows.map(({ text }) => text) })),
          report: input.onTeaching,
        });
  const tasks: TrainingTask[] = dataset.tasks.map(({ name, classes, rows }) => {
    const given = logits?.get(name);
    const examples = rows.map(encode).map((example, i) => {
      if (given === undefined) return example;
      return { ...example, teacherLogits: given.subarray(i * classes.length, (i + 1) * classes.length) };
    });
    return { name, classes, examples };
  });
  if (recipe.classWeights === "balanced") for (const task of tasks) balanceClasses(task);

  const goal = goalOf(recipe, reference?.devMetric);
  const drawCurves = (curves: Curves) =>
    writeFileDurablySync(join(out, "curves.svg"), new TextEncoder().encode(curvesSvg(curves, goal)));
  const trainerInput: TrainerInput = {
    ...{ tf, config, recipe, tasks, seed, fingerprint },
    ...wordIds(tokenizerJson),
    dev,
    directory: out,
    resume: input.resume,
    onEvaluation: drawCurves,
    ...(start.weights ? { initial: start.weights } : {}),
    ...(reference ? { referenceMetric: reference.devMetric } : {}),
    ...(input.onProgress ? { onProgress: input.onProgress } : {}),
    ...(input.signal ? { signal: input.signal } : {}),
  };
  const result = await train(trainerInput);
  if (result.ending === undefined) return undefined;

  const { pooling, maxTokens } = recipe;
  exportEncoder({ directory: out, config, pooling, maxTokens, tokenizerJson, weights: result.selected });
  writeHeads(out, tasks, result.selected);
  drawCurves(result);
  const parity = parityWith(result.selected, readExtractorFolder(out));
  const steepness = steepnessText(parity);
  if (steepness !== undefined) input.onWarning?.(steepness);
  const shapes = encoderWeightShapes(config);
  const record: RunRecord = {
    ...{ version: 2, fingerprint, recipeName, recipe, seed, backend, node: process.version, data: dataset.digests },
    tasks: dataset.records,
    ...(start.provenance ? { checkpoint: start.provenance } : {}),
    ...(taughtBy ? { teacher: taughtBy } : {}),
    ...(reference ? { reference } : {}),
    modelType: config.modelType,
    numHiddenLayers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    numAttentionHeads: config.numAttentionHeads,
    intermediateSize: config.intermediateSize,
    vocabularySize: config.vocabSize,
    parameters: [...shapes.values()].reduce(
      (sum, shape) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    ),
    curve: result.curve,
    evaluations: result.evaluations,
    selectedEvaluation: result.selectedEvaluation,
    trainingSeconds: Math.round(result.seconds),
    ending: result.ending,
    parity,
  };
  writeFileDurablySync(join(out, runRecordName), new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`));
  return record;
}

function teacherRecord(directory: string, { digest }: Teacher): TeacherRecord {
  const { data: _, ...run } = readFinishedRun(directory, "--teacher");
  return { ...run, digest };
}

/** Of a run that is to repeat a recorded one. */
function warnOfChanges({ recipe: { name, recorded }, onWarning }: PretrainInput, now: RecordedInputs): void {
  if (recorded === undefined) return;
  const changed = changedInputs(recorded, now);
  if (changed.length === 0) return;
  onWarning?.(
    `--recipe ${name}: what goes in is not what is recorded there (${changed.join(", ")}), so the weights will differ`,
  );
}
