// Reads an owner's own set: a table with a header, or files of GoEmotions' form, under labels of its own.

import { join } from "node:path";
import { holdsIds, labelFileName, readIdFile, readLabelFile } from "./goemotions.js";
import { isName, maxNameLength } from "./mapping.js";
import { readOwnTable, usualColumns } from "./own-table.js";
import { isTable, partFile, tableExtensions, warnOfOthers } from "./parts.js";
import type { LabelledSet, SetOptions, SetRow } from "./set.js";
import type { TableRow } from "./table.js";
import { datasetError } from "./text-file.js";
import { rowsText, type Warn } from "./warning.js";

/** Throws INVALID_DATASET. */
export function loadOwn(
  path: string,
  { columns, labels = {}, test: withTest = false }: SetOptions,
  warn: Warn,
): Omit<LabelledSet, "kind" | "name" | "warnings"> {
  const renamed: Record<string, string> = {};
  const rename = (label: string): string => {
    if (!Object.hasOwn(labels, label)) return label;
    renamed[label] = labels[label]!;
    return renamed[label];
  };
  const read = (file: string): OwnTable => {
    const rows = readOwnTable(file, columns, warn).map((row) => ({ ...row, label: rename(row.label) }));
    return { path: file, column: (columns ?? usualColumns).label, rows: withFitSpeakers(file, rows, warn) };
  };
  const told = () => (Object.keys(renamed).length > 0 ? { renamed } : {});
  if (isTable(path)) return { ...underLabels({ train: read(path) }, undefined), ...told() };
  const names = readLabelFile(path);
  if (names !== undefined) checkNames(names, join(path, labelFileName));
  const train = partFile(path, "train", tableExtensions)!;
  const ids = names !== undefined && train.endsWith(".tsv") && holdsIds(train);
  const extensions = ids ? ["tsv"] : [train.slice(train.lastIndexOf(".") + 1), ...tableExtensions];
  const [dev, test] = [partFile(path, "dev", extensions), partFile(path, "test", extensions)];
  warnOfOthers(path, [train, dev, test], warn);
  const files = { train, dev, test: withTest ? test : undefined };
  if (ids) {
    const under = (file: string) =>
      readIdFile(file, names.length).map((row) => ({ ...row, label: row.labelIds.map((id) => names[id]).join(",") }));
    return { labels: names, ...eachOf(files, under) };
  }
  return { ...underLabels(eachOf(files, read), names && [...new Set(names.map(rename))]), ...told() };
}

/** Drops a speaker that is no name, for example several in one field: no part of learning depends on the speaker. */
function withFitSpeakers(path: string, rows: readonly TableRow[], warn: Warn): TableRow[] {
  const unfit = rows.filter(({ speaker }) => speaker !== undefined && !isName(speaker));
  if (unfit.length > 0) {
    const lines = unfit.map(({ sourceLine }) => sourceLine);
    warn(
      `${path}: the speaker of ${rowsText(lines)} is no name of at most ${maxNameLength} characters and counts as nobody`,
    );
  }
  return rows.map((row) => {
    if (row.speaker === undefined || isName(row.speaker)) return row;
    const { speaker: _, ...rest } = row;
    return rest;
  });
}

interface Parts<T> {
  readonly train: T;
  readonly dev?: T | undefined;
  readonly test?: T | undefined;
}

function eachOf<T, R>({ train, dev, test }: Parts<T>, of: (part: T) => R) {
  return {
    train: of(train),
    ...(dev === undefined ? {} : { dev: of(dev) }),
    ...(test === undefined ? {} : { test: of(test) }),
  };
}

interface OwnTable {
  readonly path: string;
  readonly column: string;
  readonly rows: readonly TableRow[];
}

/** `names` gives the labels and their order; without it, the labels are those of train. */
function underLabels(
  tables: Parts<OwnTable>,
  names: readonly string[] | undefined,
): Pick<LabelledSet, "labels" | "train" | "dev" | "test"> {
  const labels = names ?? labelsIn(tables.train);
  const idOf = new Map(labels.map((label, id) => [label, id]));
  const under = ({ path, column, rows }: OwnTable) =>
    rows.map((row): SetRow => {
      const id = idOf.get(row.label);
      if (id === undefined) {
        const where = names === undefined ? tables.train.path : labelFileName;
        throw datasetError(
          path,
          row.sourceLine,
          `the column "${column}" holds a label that is not in ${where}; correct it, or rename it with --labels`,
        );
      }
      return { ...row, labelIds: [id] };
    });
  return { labels, ...eachOf(tables, under) };
}

const maxFound = 100;

/** Labels appear in a run's record, so a column of texts must not be taken for a column of labels. */
function labelsIn({ path, column, rows }: OwnTable): string[] {
  const unfit = rows.find(({ label }) => !isName(label));
  if (unfit !== undefined) {
    throw datasetError(
      path,
      unfit.sourceLine,
      `the column "${column}" is empty or holds no label of at most ${maxNameLength} characters; correct it, or name another with --columns`,
    );
  }
  const labels = [...new Set(rows.map(({ label }) => label))].sort();
  if (labels.length > 1 && labels.length <= maxFound) return labels;
  throw datasetError(
    path,
    undefined,
    `the column "${column}" holds ${labels.length} different labels where 2 to ${maxFound} are expected; name another with --columns, or list the labels in ${labelFileName} beside train.csv`,
  );
}

function checkNames(names: readonly string[], path: string): void {
  for (const [index, name] of names.entries()) {
    const problem = !isName(name) ? "no name of at most 64 characters" : names.indexOf(name) < index && "a name twice";
    if (problem) throw datasetError(path, index + 1, `${problem}; give each label's name once, one a line`);
  }
  if (names.length < 2)
    throw datasetError(path, undefined, "fewer than two labels; give each label's name, one a line");
}
