// Whatever labelled dataset is at a path, told by its files and read under its own labels: what an extractor is pre-trained on.

import { existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import { emoryLabels, loadEmoryNlp } from "./emorynlp.js";
import { groupOf, labelFileName, loadGoEmotions, readIdFile, readLabelFile } from "./goemotions.js";
import { iemocapLabels, loadIemocap } from "./iemocap.js";
import type { DatasetColumns } from "./mapping.js";
import { loadMeld } from "./meld.js";
import { isTable, readOwnTable } from "./own-table.js";
import { datasetError, readTextFile, type TableRow } from "./table.js";

/** The published sets, and whatever its owner labelled: `own`. */
export const setKinds = ["goemotions", "iemocap", "meld", "emorynlp", "own"] as const;
export type SetKind = (typeof setKinds)[number];

export interface SetRow {
  readonly text: string;
  /** Indices into the set's labels. */
  readonly labelIds: readonly number[];
  /** What digests of the data name the row by: of a published set the name that its reader gives it. */
  readonly label: string;
}

export interface LabelledSet {
  readonly kind: SetKind;
  /** The kind, or what its owner called the folder or file, in a form that fits a weight's name. */
  readonly name: string;
  readonly labels: readonly string[];
  readonly train: readonly SetRow[];
  /** Absent where the set is in one piece. */
  readonly dev?: readonly SetRow[];
}

/** Of its owner's tables. */
const usualColumns: DatasetColumns = { text: "text", label: "label" };

/**
 * IEMOCAP's release by Session1, MELD by train_sent_emo.csv, EmoryNLP by its column EmoryEmotion, GoEmotions by train.tsv with ids and no other
 * names in labels.txt. Anything else is its owner's: a table with a header, or that form of GoEmotions, in a folder with train.csv or
 * train.tsv, or a table alone. Throws INVALID_DATASET.
 */
export function loadLabelledSet(path: string, columns: DatasetColumns = usualColumns): LabelledSet {
  const kind = setKindOf(path);
  return kind === "own" ? loadOwn(path, columns) : { kind, name: kind, ...loaders[kind](path) };
}

/** Throws INVALID_DATASET where nothing that is known is at the path. */
export function setKindOf(path: string): SetKind {
  if (isTable(path)) return holdsEmotion(path) ? "emorynlp" : "own";
  const files = filesOf(path);
  if (files.some((name) => /^Session[1-5]$/.test(name))) return "iemocap";
  if (files.includes("train_sent_emo.csv")) return "meld";
  if (files.includes("train.tsv")) {
    const names = readLabelFile(path) ?? [];
    return holdsIds(join(path, "train.tsv")) && names.every((name) => groupOf(name)) ? "goemotions" : "own";
  }
  if (files.some((name) => name === "train.csv" || name === "train.jsonl")) return "own";
  const tables = files.filter(isTable);
  if (tables.length === 1 && holdsEmotion(join(path, tables[0]!))) return "emorynlp";
  throw datasetError(
    path,
    undefined,
    "holds none of Session1 to Session5, train_sent_emo.csv, train.tsv, train.csv and train.jsonl; name a folder that does, or a .csv, .tsv or .jsonl file",
  );
}

const loaders: Readonly<Record<Exclude<SetKind, "own">, (path: string) => Omit<LabelledSet, "kind" | "name">>> = {
  goemotions: (path) => {
    const { labelNames, train, dev } = loadGoEmotions(path);
    return { labels: labelNames, train, dev };
  },
  iemocap: (path) => {
    const { train, validation } = loadIemocap(path);
    const under = (rows: typeof train) => rows.map((row) => ({ ...row, labelIds: [iemocapLabels.indexOf(row.label)] }));
    return { labels: iemocapLabels, train: under(train), dev: under(validation) };
  },
  meld: (path) => {
    const { train, dev } = loadMeld(path);
    const under = (rows: typeof train) => rows.map((row) => ({ ...row, labelIds: [emotionLabels.indexOf(row.label)] }));
    return { labels: emotionLabels, train: under(train), dev: under(dev) };
  },
  emorynlp: (path) => {
    const rows = loadEmoryNlp(path);
    return {
      labels: emoryLabels,
      train: rows.map((row) => ({ ...row, labelIds: [emoryLabels.indexOf(row.emoryLabel)] })),
    };
  },
};

function loadOwn(path: string, columns: DatasetColumns): LabelledSet {
  const named = { kind: "own", name: nameOf(path) } as const;
  if (isTable(path)) return { ...named, ...underLabels([readOwn(path, columns)], undefined) };
  const names = readLabelFile(path);
  if (names !== undefined) checkNames(names, join(path, labelFileName));
  const extension = ["tsv", "csv"].find((name) => existsSync(join(path, `train.${name}`))) ?? "jsonl";
  const [trainPath, devPath] = [join(path, `train.${extension}`), join(path, `dev.${extension}`)];
  const paths = [trainPath, ...(existsSync(devPath) ? [devPath] : [])];
  if (names === undefined || extension !== "tsv" || !holdsIds(trainPath)) {
    const tables = paths.map((file) => readOwn(file, columns));
    return { ...named, ...underLabels(tables, names) };
  }
  const [train, dev] = paths.map((file) =>
    readIdFile(file, names.length).map((row) => ({ ...row, label: row.labelIds.map((id) => names[id]).join(",") })),
  );
  return { ...named, labels: names, train: train!, ...(dev ? { dev } : {}) };
}

interface OwnTable {
  readonly path: string;
  readonly column: string;
  readonly rows: readonly TableRow[];
}

function readOwn(path: string, columns: DatasetColumns): OwnTable {
  return { path, column: columns.label, rows: readOwnTable(path, columns) };
}

/** `names`: the labels and their order; where there are none, those of the first table. */
function underLabels(tables: readonly OwnTable[], names: readonly string[] | undefined) {
  const labels = names ?? labelsIn(tables[0]!);
  const idOf = new Map(labels.map((label, id) => [label, id]));
  const [train, dev] = tables.map(({ path, column, rows }) =>
    rows.map((row): SetRow => {
      const id = idOf.get(row.label);
      if (id !== undefined) return { ...row, labelIds: [id] };
      const where = names === undefined ? tables[0]!.path : labelFileName;
      throw datasetError(
        path,
        row.sourceLine,
        `the column "${column}" holds a label that is not in ${where}; correct it`,
      );
    }),
  );
  return { labels, train: train!, ...(dev ? { dev } : {}) };
}

const mostFound = 100;

/** Labels stand in a run's record, so a column of texts must not be taken for one of labels. */
function labelsIn({ path, column, rows }: OwnTable): string[] {
  const unfit = rows.find(({ label }) => !isName(label));
  if (unfit !== undefined) {
    throw datasetError(
      path,
      unfit.sourceLine,
      `the column "${column}" is empty or holds no label of at most ${longestName} characters; correct it, or name another with --columns`,
    );
  }
  const labels = [...new Set(rows.map(({ label }) => label))].sort();
  if (labels.length > 1 && labels.length <= mostFound) return labels;
  throw datasetError(
    path,
    undefined,
    `the column "${column}" holds ${labels.length} different labels where 2 to ${mostFound} are expected; name another with --columns, or list the labels in ${labelFileName} beside train.csv`,
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

const longestName = 64;

function isName(label: string): boolean {
  return label !== "" && label.length <= longestName && !/\p{C}/u.test(label);
}

function holdsEmotion(path: string): boolean {
  return /(^|,)"?EmoryEmotion"?\s*(,|$)/.test(firstLine(path));
}

/** GoEmotions' form has no header, and ids where a header would have the name of a column. */
function holdsIds(path: string): boolean {
  return !/\p{L}/u.test(firstLine(path).split("\t")[1] ?? "");
}

function firstLine(path: string): string {
  return readTextFile(path).split(/\r?\n/, 1)[0]!;
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "there is no such folder" : `cannot be read as a folder (${code})`;
    throw datasetError(directory, undefined, `${problem}; check the path`);
  }
}

function nameOf(path: string): string {
  const name = basename(resolve(path))
    .replace(/\.(csv|tsv|jsonl)$/i, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (name === "") return "own";
  return setKinds.some((kind) => kind === name) ? `own-${name}` : name;
}
