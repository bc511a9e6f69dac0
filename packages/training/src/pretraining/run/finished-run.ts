// A finished run's record, read by a run that it teaches or that is to reach a share of its dev metric.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@attune/shared/errors";
import type { Recipe } from "../data/recipe.js";
import { changedInputs } from "../data/recorded-inputs.js";
import type { RunRecord } from "./pretrain.js";

export type FinishedRun = Pick<RunRecord, "fingerprint" | "recipe" | "seed" | "data" | "trainingSeconds"> &
  Partial<Pick<RunRecord, "checkpoint">> & {
    /** That of its best evaluation. */
    readonly devMetric: number;
  };

/** Throws INVALID_INPUT, naming `flag`. */
export function readFinishedRun(directory: string, flag: string): FinishedRun {
  const path = join(directory, "run.json");
  if (!existsSync(path)) {
    throw new AppError("INVALID_INPUT", `${flag}: ${path} is missing; name the folder of a finished run`);
  }
  const record = JSON.parse(readFileSync(path, "utf8")) as Partial<RunRecord>;
  const { fingerprint, recipe, seed, data, checkpoint, trainingSeconds, evaluations = [] } = record;
  const devMetric = Math.max(...evaluations.map((evaluation) => evaluation.devMetric));
  if (fingerprint === undefined || recipe === undefined || data === undefined || !Number.isFinite(devMetric)) {
    throw new AppError("INVALID_INPUT", `${flag}: ${path} holds no evaluations; name the folder of a finished run`);
  }
  return {
    fingerprint,
    recipe,
    seed: seed!,
    data,
    ...(checkpoint ? { checkpoint } : {}),
    trainingSeconds: trainingSeconds!,
    devMetric,
  };
}

export interface ReferenceInput {
  readonly recipe: Pick<Recipe, "stopAtFraction">;
  /** Of the full run. */
  readonly directory: string | undefined;
  /** Of the run that is to reach a share of its dev metric. */
  readonly data: RunRecord["data"];
}

/** Throws INVALID_INPUT where the recipe's stopAtFraction and the full run do not go together. */
export function referenceOf({ recipe, directory, data }: ReferenceInput): RunRecord["reference"] {
  if (recipe.stopAtFraction === undefined) {
    if (directory === undefined) return undefined;
    throw new AppError("INVALID_INPUT", "--reference-run: the recipe has no stopAtFraction; --set stopAtFraction=0.8");
  }
  if (directory === undefined) {
    throw new AppError(
      "INVALID_INPUT",
      "stopAtFraction: is a share of a full run's dev metric; name that run with --reference-run",
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
