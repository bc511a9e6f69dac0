// run.json: the record of a pre-training run, with its only schema and its only reader.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { modelTypes } from "@attune/ml/encoder/config";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { fileDigestSchema } from "../../checkpoints/import-record.js";
import { type Recipe, recipeSchema } from "../data/recipe.js";
import type { DataDigest, TaskRecord } from "../data/training-data.js";
import { type CurvePoint, curvePointSchema, type EvaluationRecord, evaluationSchema } from "../loop/checkpoint.js";
import { type Ending, endings } from "../loop/ending.js";
import type { Curves } from "../loop/trainer.js";
import type { CheckpointProvenance } from "./starting-point.js";

export const runRecordName = "run.json";

/**
 * The content of run.json: data, starting point, recipe, results and cost of a run. Data are named by digest,
 * never by their text.
 */
export interface RunRecord extends Curves {
  readonly version: 2;
  readonly fingerprint: string;
  readonly recipeName: string;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly backend: string;
  readonly node: string;
  readonly data: readonly DataDigest[];
  /** The main task first. Absent from older records, whose tasks are GoEmotions and EmoryNLP. */
  readonly tasks?: readonly TaskRecord[];
  /** Absent where training started from random weights. */
  readonly checkpoint?: CheckpointProvenance;
  readonly teacher?: TeacherRecord;
  /** The full run that the recipe's stopAtFraction refers to. */
  readonly reference?: { readonly fingerprint: string; readonly devMetric: number };
  readonly modelType: string;
  readonly numHiddenLayers: number;
  readonly hiddenSize: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly parameters: number;
  readonly curve: readonly CurvePoint[];
  readonly evaluations: readonly EvaluationRecord[];
  /** The index of the evaluation whose weights were exported. */
  readonly selectedEvaluation: number;
  readonly trainingSeconds: number;
  /** Absent from older records. */
  readonly ending?: Ending;
  /**
   * The largest difference of a feature between the training graph and the reference engine on
   * the exported files: `parityOf`.
   */
  readonly parity: number;
}

/** The record from which a teacher can be made again, beside its student's data. */
export type TeacherRecord = Omit<FinishedRun, "data"> & { readonly digest: string };

/** The record of a run that teaches another, or that another is measured against. */
export type FinishedRun = Pick<RunRecord, "fingerprint" | "recipe" | "seed" | "data" | "trainingSeconds"> &
  Partial<Pick<RunRecord, "checkpoint">> & {
    /** The dev metric of its best evaluation. */
    readonly devMetric: number;
  };

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const checkpoint = z.object({
  source: z.string(),
  licence: z.string().optional(),
  modelType: z.enum(modelTypes),
  numHiddenLayers: count,
  vocabularySize: count,
  files: z.array(fileDigestSchema),
});

/** Freezing adds `frozen` and `evaluation`, which no code reads; they stay as they are. */
const runRecordSchema = z.looseObject({
  version: z.literal(2),
  fingerprint: digest,
  recipeName: z.string(),
  recipe: recipeSchema,
  seed: z.int(),
  backend: z.string(),
  node: z.string(),
  data: z.array(z.object({ name: z.string(), rows: count, sha256: digest })),
  tasks: z.array(z.object({ name: z.string(), set: z.string(), labels: z.array(z.string()) })).optional(),
  checkpoint: checkpoint.optional(),
  teacher: z.object({ fingerprint: digest, recipe: recipeSchema, devMetric: z.number(), digest }).optional(),
  reference: z.object({ fingerprint: digest, devMetric: z.number() }).optional(),
  modelType: z.enum(modelTypes),
  numHiddenLayers: count,
  hiddenSize: count,
  numAttentionHeads: count,
  intermediateSize: count,
  vocabularySize: count,
  parameters: count,
  curve: z.array(curvePointSchema),
  evaluations: z.array(evaluationSchema).min(1),
  selectedEvaluation: count,
  trainingSeconds: z.number().min(0),
  ending: z.enum(endings).optional(),
  parity: z.number(),
});

/** Returns the record with every field that the file holds. Throws INVALID_INPUT, naming the file and the field. */
export function readRunRecord(directory: string): RunRecord {
  const path = join(directory, runRecordName);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${path} is missing or not JSON; name the folder of a finished run`, {
      cause,
    });
  }
  const parsed = runRecordSchema.safeParse(value);
  if (parsed.success) return value as RunRecord;
  const { path: field, message } = parsed.error.issues[0]!;
  throw new AppError("INVALID_INPUT", `${path}, ${field.join(".")}: ${message}; name the folder of a finished run`);
}
