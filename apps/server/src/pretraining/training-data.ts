// The data of a run: one task for each labelled set, the first set's dev rows, and digests that name them in the run's record.

import { createRandom } from "@attune/ml/tensor/random";
import { AppError } from "@attune/shared/errors";
import { type LabelledSet, loadLabelledSet, type SetKind, type SetRow } from "../datasets/labelled-set.js";
import type { DatasetColumns } from "../datasets/mapping.js";
import { stratifiedSplit } from "../datasets/split.js";
import { datasetError } from "../datasets/table.js";
import { sha256 } from "./export.js";

export interface TrainingSources {
  readonly data: string;
  /** A second task beside the first. */
  readonly extra?: string | undefined;
  /** Of the owner's tables among them. */
  readonly columns?: DatasetColumns | undefined;
}

export interface TaskRow {
  readonly text: string;
  readonly target: Float32Array;
}

export interface LoadedTask {
  readonly name: string;
  readonly classes: readonly string[];
  readonly rows: readonly TaskRow[];
}

export interface DataDigest {
  readonly name: string;
  readonly rows: number;
  readonly sha256: string;
}

/** A task as a run's record names it. */
export interface TaskRecord {
  readonly name: string;
  readonly set: SetKind;
  readonly labels: readonly string[];
  /** Where they are not called text and label. */
  readonly columns?: DatasetColumns;
}

export interface TrainingData {
  readonly tasks: readonly LoadedTask[];
  readonly dev: readonly TaskRow[];
  readonly digests: readonly DataDigest[];
  readonly records: readonly TaskRecord[];
}

/** Of a set in one piece. */
const heldShare = 0.1;

/** Throws INVALID_DATASET, or INVALID_INPUT where the sources do not go together. */
export function loadTrainingData({ data, extra, columns }: TrainingSources): TrainingData {
  const main = withDev(loadLabelledSet(data, columns), data);
  const second = extra === undefined ? undefined : loadLabelledSet(extra, columns);
  if (second?.name === main.name) {
    throw new AppError(
      "INVALID_INPUT",
      `--extra: is called ${main.name} as --data is; give another set, or rename one`,
    );
  }
  const sets: LabelledSet[] = second === undefined ? [main] : [main, second];
  if (columns !== undefined && sets.every(({ kind }) => kind !== "own")) {
    const names = sets.map(({ name }) => name).join(" and ");
    throw new AppError("INVALID_INPUT", `--columns: is for tables of your own; the columns of ${names} are known`);
  }
  return {
    tasks: sets.map(({ name, labels, train }) => ({ name, classes: labels, rows: targets(train, labels) })),
    dev: targets(main.dev, main.labels),
    digests: [
      describe("train", main, main.train),
      describe("dev", main, main.dev),
      // Of a second set only the training rows are read.
      ...(second === undefined ? [] : [describe(second.dev ? "train" : "", second, second.train)]),
    ],
    records: sets.map(({ name, kind, labels }) => ({
      ...{ name, set: kind, labels },
      ...(kind === "own" && columns ? { columns } : {}),
    })),
  };
}

/** A tenth of a set in one piece is held back by lot, the same rows each time. */
function withDev(set: LabelledSet, path: string): LabelledSet & Required<Pick<LabelledSet, "dev">> {
  if (set.dev !== undefined) return { ...set, dev: set.dev };
  const { kept, held } = stratifiedSplit(set.train, heldShare, createRandom(2021));
  if (held.length > 0) return { ...set, train: kept, dev: held };
  throw datasetError(
    path,
    undefined,
    "too few rows of each label to hold a tenth back; give a folder with dev.csv too",
  );
}

function targets(rows: readonly SetRow[], labels: readonly string[]): TaskRow[] {
  return rows.map(({ text, labelIds }) => ({ text, target: distribution(labelIds, labels.length) }));
}

/** Several labels share a row equally. */
function distribution(ids: readonly number[], classes: number): Float32Array {
  const target = new Float32Array(classes);
  for (const id of ids) target[id]! += 1 / ids.length;
  return target;
}

/** Of an owner's set the labels and their order count too; those of a published one are known by its name. */
function describe(part: string, { name, kind, labels }: LabelledSet, rows: readonly SetRow[]): DataDigest {
  const lines = rows.map(({ text, label }) => `${label}\t${text}\n`);
  return {
    name: part === "" ? name : `${name}/${part}`,
    rows: rows.length,
    sha256: sha256(kind === "own" ? `${labels.join("\n")}\n` : "", lines.join("")),
  };
}
