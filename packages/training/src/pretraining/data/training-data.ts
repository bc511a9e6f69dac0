// The data of a run: one task for each labelled set, the first set's dev rows, and digests that name them
// in the run's record.

import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import type { DatasetColumns, DatasetMapping } from "../../datasets/mapping.js";
import { inParts, openSets } from "../../datasets/open-sets.js";
import type { LabelledSet, SetKind, SetRow } from "../../datasets/set.js";

interface TrainingSources {
  readonly data: string;
  /** The path of a second set, which becomes a second task. */
  readonly extra?: string | undefined;
  readonly mapping?: DatasetMapping | undefined;
}

export interface TaskRow {
  readonly text: string;
  readonly target: Float32Array;
}

interface LoadedTask {
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
  /** The columns of a table that are not called text and label. */
  readonly columns?: DatasetColumns;
  /** The set's own labels that --labels renamed, with their new names. */
  readonly renamed?: DatasetMapping["labels"];
}

export interface TrainingData {
  readonly tasks: readonly LoadedTask[];
  readonly dev: readonly TaskRow[];
  readonly digests: readonly DataDigest[];
  readonly records: readonly TaskRecord[];
  /** Warnings about rows that are not learned from as they stand: a sentence each. */
  readonly warnings: readonly string[];
}

/** Throws INVALID_DATASET, or INVALID_INPUT if the sets do not fit together. */
export function loadTrainingData({ data, extra, mapping = {} }: TrainingSources): TrainingData {
  const opened = openSets(extra === undefined ? [data] : [data, extra], mapping);
  const main = inParts(opened[0]!, data);
  const second = opened[1];
  if (second?.name === main.name) {
    throw new AppError("INVALID_INPUT", `--extra is called ${main.name} as --data is; give another set, or rename one`);
  }
  const sets: LabelledSet[] = second === undefined ? [main] : [main, second];
  return {
    tasks: sets.map(({ name, labels, train }) => ({ name, classes: labels, rows: targets(train, labels) })),
    dev: targets(main.dev, main.labels),
    digests: [
      describe("train", main, main.train),
      describe("dev", main, main.dev),
      // Only the training rows of a second set are read.
      ...(second === undefined ? [] : [describe(second.dev ? "train" : "", second, second.train)]),
    ],
    records: sets.map(({ name, kind, labels, renamed }) => ({
      name,
      set: kind,
      labels,
      ...(kind === "own" && mapping.columns ? { columns: mapping.columns } : {}),
      ...(renamed ? { renamed } : {}),
    })),
    warnings: [
      ...sets.flatMap(({ warnings }) => warnings),
      ...(main.byLot === undefined
        ? []
        : [`${data}: ${main.byLot}, by lot and label by label; test is not learned from`]),
    ],
  };
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

/** An owner's or renamed set is digested with its labels and their order; a published set is known by its name. */
function describe(part: string, { name, kind, labels, renamed }: LabelledSet, rows: readonly SetRow[]): DataDigest {
  const lines = rows.map(({ text, label }) => `${label}\t${text}\n`);
  return {
    name: part === "" ? name : `${name}/${part}`,
    rows: rows.length,
    sha256: sha256(kind === "own" || renamed ? `${labels.join("\n")}\n` : "", lines.join("")),
  };
}
