// Whatever labelled dataset is at a path, told by its files and read under its own labels: what an extractor is pre-trained on.

import { existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { emotionLabels } from "@attune/shared/contracts/dataset";
import { emoryLabels, loadEmoryNlp } from "./emorynlp.js";
import { groupOf, labelFileName, loadGoEmotions, readGoEmotionsFile, readIdFile, readLabelFile } from "./goemotions.js";
import { iemocapLabels, loadIemocap } from "./iemocap.js";
import { type DatasetColumns, isName, longestName } from "./mapping.js";
import { loadMeld } from "./meld.js";
import { isTable, readOwnTable, usualColumns } from "./own-table.js";
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
  readonly speaker?: string;
  /** As IEMOCAP names it. */
  readonly turn?: string;
  /** Of the part's file. */
  readonly sourceLine: number;
}

export interface LabelledSet {
  readonly kind: SetKind;
  /** The kind, or what its owner called the folder or file, in a form that fits a weight's name. */
  readonly name: string;
  readonly labels: readonly string[];
  /** The set's own names of labels that --labels renamed, and what they are called since. */
  readonly renamed?: Readonly<Record<string, string>>;
  readonly train: readonly SetRow[];
  /** Absent where the set is in one piece. */
  readonly dev?: readonly SetRow[];
  /** Absent also where it was not asked for: what learns has no business with it. */
  readonly test?: readonly SetRow[];
}

export interface SetOptions {
  /** Of its owner's tables, where they are not called text, label and speaker. */
  readonly columns?: DatasetColumns | undefined;
  /** What labels of its owner's tables are called instead, as they are read: the parts need not agree before. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Read the test part, where there is one. */
  readonly test?: boolean;
}

/**
 * IEMOCAP's release by Session1, MELD by train_sent_emo.csv, EmoryNLP by its column EmoryEmotion, GoEmotions by train.tsv with ids and no other
 * names in labels.txt. Anything else is its owner's: a table with a header, or that form of GoEmotions, in a folder with train.csv or
 * train.tsv, or a table alone. Throws INVALID_DATASET.
 */
export function loadLabelledSet(path: string, options: SetOptions = {}): LabelledSet {
  const kind = setKindOf(path);
  if (kind === "own") return loadOwn(path, options);
  return { kind, name: kind, ...loaders[kind](path, options.test ?? false) };
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

type Loader = (path: string, withTest: boolean) => Omit<LabelledSet, "kind" | "name">;

const loaders: Readonly<Record<Exclude<SetKind, "own">, Loader>> = {
  goemotions: (path, withTest) => {
    const { labelNames, train, dev } = loadGoEmotions(path);
    const testPath = join(path, "test.tsv");
    const test = withTest && existsSync(testPath) ? { test: readGoEmotionsFile(testPath, labelNames) } : {};
    return { labels: labelNames, train, dev, ...test };
  },
  iemocap: (path, withTest) => {
    const { train, validation, test } = loadIemocap(path);
    const under = (rows: typeof train) =>
      rows.map((row) => ({ ...row, labelIds: [iemocapLabels.indexOf(row.label)], speaker: speakerOf(row.turn) }));
    return {
      labels: iemocapLabels,
      train: under(train),
      dev: under(validation),
      ...(withTest ? { test: under(test) } : {}),
    };
  },
  meld: (path, withTest) => {
    const { train, dev, test } = loadMeld(path);
    const under = (rows: typeof train) => rows.map((row) => ({ ...row, labelIds: [emotionLabels.indexOf(row.label)] }));
    return {
      labels: emotionLabels,
      train: under(train),
      dev: under(dev),
      ...(withTest && test ? { test: under(test) } : {}),
    };
  },
  emorynlp: (path) => {
    const rows = loadEmoryNlp(path);
    return {
      labels: emoryLabels,
      train: rows.map(({ speaker = "", ...row }) => {
        // As ['Joey Tribbiani'], or several of them.
        const [, name = speaker] = /^\['([^']*)'\]$/.exec(speaker) ?? [];
        return {
          ...{ ...row, labelIds: [emoryLabels.indexOf(row.emoryLabel)] },
          ...(name === "" ? {} : { speaker: name }),
        };
      }),
    };
  },
};

/** Of Ses01F_impro01_M003, Ses01M: the woman or the man of the session. */
function speakerOf(turn: string): string {
  return `${turn.slice(0, 5)}${turn.split("_").at(-1)![0]}`;
}

function loadOwn(path: string, { columns, labels = {}, test: withTest = false }: SetOptions): LabelledSet {
  const named = { kind: "own", name: nameOf(path) } as const;
  const renamed: Record<string, string> = {};
  const rename = (label: string): string => {
    if (!Object.hasOwn(labels, label)) return label;
    renamed[label] = labels[label]!;
    return renamed[label];
  };
  const read = (file: string): OwnTable => {
    const rows = readOwnTable(file, columns).map((row) => ({ ...row, label: rename(row.label) }));
    return { path: file, column: (columns ?? usualColumns).label, rows };
  };
  const told = () => (Object.keys(renamed).length > 0 ? { renamed } : {});
  if (isTable(path)) return { ...named, ...underLabels({ train: read(path) }, undefined), ...told() };
  const names = readLabelFile(path);
  if (names !== undefined) checkNames(names, join(path, labelFileName));
  const extension = ["tsv", "csv"].find((name) => existsSync(join(path, `train.${name}`))) ?? "jsonl";
  const trainPath = join(path, `train.${extension}`);
  const [devPath, testPath] = ["dev", "test"].map((part) => {
    const file = join(path, `${part}.${extension}`);
    return existsSync(file) && (part === "dev" || withTest) ? file : undefined;
  });
  if (names !== undefined && extension === "tsv" && holdsIds(trainPath)) {
    const under = (file: string) =>
      readIdFile(file, names.length).map((row) => ({ ...row, label: row.labelIds.map((id) => names[id]).join(",") }));
    return { ...named, labels: names, ...eachOf({ train: trainPath, dev: devPath, test: testPath }, under) };
  }
  const tables = eachOf({ train: trainPath, dev: devPath, test: testPath }, read);
  return { ...named, ...underLabels(tables, names && [...new Set(names.map(rename))]), ...told() };
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

/** `names`: the labels and their order; where there are none, those of train. */
function underLabels(
  tables: Parts<OwnTable>,
  names: readonly string[] | undefined,
): Omit<LabelledSet, "kind" | "name"> {
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
      if (row.speaker === undefined || isName(row.speaker)) return { ...row, labelIds: [id] };
      throw datasetError(
        path,
        row.sourceLine,
        `the speaker has no name of at most ${longestName} characters; correct it, or name no speaker in --columns`,
      );
    });
  return { labels, ...eachOf(tables, under) };
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
