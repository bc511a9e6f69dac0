// Opens labelled sets as a command names them: by path, with the names of --columns and --labels,
// and divided into parts.

import { createRandom } from "@attune/ml/tensor/random";
import { AppError } from "@attune/shared/errors";
import { loadLabelledSet } from "./labelled-set.js";
import type { DatasetColumns, DatasetMapping } from "./mapping.js";
import type { LabelledSet, SetRow } from "./set.js";
import { stratifiedSplit } from "./split.js";
import { datasetError } from "./text-file.js";

/**
 * Sets in the order of the paths. `test` reads the test parts too. Throws INVALID_DATASET, or INVALID_INPUT for a
 * mapping that fits no set.
 */
export function openSets(paths: readonly string[], mapping: DatasetMapping, test = false): LabelledSet[] {
  const { columns, labels = {} } = mapping;
  const sets = paths.map((path) => renamed(loadLabelledSet(path, { columns, labels, test }), labels));
  const names = sets.map(({ name }) => name).join(" and ");
  if (columns !== undefined && !sets.some((set) => takes(set, columns))) {
    throw new AppError("INVALID_INPUT", `--columns is for tables of your own; the columns of ${names} are known`);
  }
  const unknown = Object.keys(labels).find((name) => sets.every((set) => !Object.hasOwn(set.renamed ?? {}, name)));
  if (unknown !== undefined) {
    const known = [...new Set(sets.flatMap((set) => set.labels))].join(", ");
    throw new AppError("INVALID_INPUT", `--labels ${unknown}=…: ${names} has no such label; it has ${known}`);
  }
  return sets;
}

/** Whether the columns fit the set: any do for an owner's table, and a published table has fixed names. */
function takes({ kind, columns: own }: LabelledSet, { text, label, speaker }: DatasetColumns): boolean {
  if (kind === "own") return true;
  return own?.text === text && own.label === label && (speaker === undefined || own.speaker === speaker);
}

/** Renames labels of a set that was read under its own names. */
function renamed(set: LabelledSet, labels: Readonly<Record<string, string>>): LabelledSet {
  const own = Object.entries(labels).filter(([name]) => set.labels.includes(name));
  if (own.length === 0 || set.renamed !== undefined) return set;
  const name = set.kind === "own" ? set.name : `${set.name}-renamed`;
  return { ...renameLabels(set, Object.fromEntries(own)), name, renamed: Object.fromEntries(own) };
}

/** Labels that get the same name become one. Throws INVALID_INPUT if fewer than two labels are left. */
export function renameLabels(set: LabelledSet, names: Readonly<Record<string, string>>): LabelledSet {
  const renamed = set.labels.map((label) => (Object.hasOwn(names, label) ? names[label]! : label));
  const labels = [...new Set(renamed)];
  if (labels.length < 2)
    throw new AppError("INVALID_INPUT", `--labels: makes all of them ${labels[0]}; keep two apart`);
  const ids = renamed.map((label) => labels.indexOf(label));
  const rows = (part: readonly SetRow[]) =>
    part.map((row): SetRow => {
      const labelIds = [...new Set(row.labelIds.map((id) => ids[id]!))];
      return { ...row, labelIds, label: labelIds.map((id) => labels[id]).join(",") };
    });
  return {
    ...set,
    labels,
    train: rows(set.train),
    ...(set.dev ? { dev: rows(set.dev) } : {}),
    ...(set.test ? { test: rows(set.test) } : {}),
  };
}

export interface SetInParts extends LabelledSet {
  readonly dev: readonly SetRow[];
  /** Says which parts were drawn by lot; undefined where none was. */
  readonly byLot?: string;
}

/**
 * A set without a dev part gives a tenth of its rows to one. The rows are drawn label by label, the same rows each
 * time. A set in one piece gives a second tenth to a test part, which pre-training does not use. Throws INVALID_DATASET
 * if there are too few rows.
 */
export function inParts(set: LabelledSet, path: string): SetInParts {
  if (set.dev !== undefined) return { ...set, dev: set.dev };
  const random = createRandom(2021);
  const { kept, held: dev } = stratifiedSplit(set.train, 0.1, random);
  if (dev.length === 0) {
    throw datasetError(
      path,
      undefined,
      "too few rows of each label to hold a tenth back; give a folder with dev.csv too",
    );
  }
  if (set.test !== undefined) return { ...set, train: kept, dev, byLot: "a tenth of train is dev" };
  const { kept: train, held: test } = stratifiedSplit(kept, 1 / 9, random);
  return { ...set, train, dev, test, byLot: "a tenth each is dev and test" };
}
