// Reads the record of a finished run, for a run that it teaches or that must reach a share of its dev metric.

import { AppError } from "@attune/shared/errors";
import type { Recipe } from "../data/recipe.js";
import { changedInputs } from "../data/recorded-inputs.js";
import { type FinishedRun, type RunRecord, readRunRecord } from "./run-record.js";

/** Throws INVALID_INPUT, naming `flag`. */
export function readFinishedRun(directory: string, flag: string): FinishedRun {
  let record: RunRecord;
  try {
    record = readRunRecord(directory);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${flag}: ${(cause as Error).message}`, { cause });
  }
  const { fingerprint, recipe, seed, data, checkpoint, trainingSeconds, evaluations } = record;
  const devMetric = Math.max(...evaluations.map((evaluation) => evaluation.devMetric));
  return { fingerprint, recipe, seed, data, ...(checkpoint ? { checkpoint } : {}), trainingSeconds, devMetric };
}

interface ReferenceInput {
  readonly recipe: Pick<Recipe, "stopAtFraction">;
  /** The folder of the full run. */
  readonly directory: string | undefined;
  /** The data of the run that must reach a share of the full run's dev metric. */
  readonly data: RunRecord["data"];
}

/** Throws INVALID_INPUT if the recipe's stopAtFraction and the full run do not fit together. */
export function referenceOf({ recipe, directory, data }: ReferenceInput): RunRecord["reference"] {
  if (recipe.stopAtFraction === undefined) {
    if (directory === undefined) return undefined;
    throw new AppError("INVALID_INPUT", "--reference-run: the recipe has no stopAtFraction; --set stopAtFraction=0.8");
  }
  if (directory === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      "stopAtFraction is a share of a full run's dev metric; name that run with --reference-run",
    );
  }
  const full = readFinishedRun(directory, "--reference-run");
  const changed = changedInputs({ data: full.data }, { data });
  if (changed.length === 0) return { fingerprint: full.fingerprint, devMetric: full.devMetric };
  throw new AppError(
    "INVALID_INPUT",
    `--reference-run: ${directory} was trained on other data (${changed.join(", ")}), so its dev metric is no goal for this run; name a full run on the same`,
  );
}
