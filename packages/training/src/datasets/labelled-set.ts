// Recognises the labelled dataset at a path by its files, and reads it under its own labels,
// for pre-training an extractor.

import { basename, join, resolve } from "node:path";
import { emoryColumns, emoryLabels, findEmoryNlp, readEmoryFile } from "./emorynlp.js";
import { emotionLabels } from "./emotions.js";
import { groupOf, holdsIds, loadGoEmotions, readGoEmotionsFile, readLabelFile } from "./goemotions.js";
import { iemocapLabels, loadIemocap } from "./iemocap.js";
import { loadMeld, meldColumns, meldFiles } from "./meld.js";
import { loadOwn } from "./own-set.js";
import { filesIn, isTable, partFile, warnOfOthers } from "./parts.js";
import { type LabelledSet, type SetKind, type SetOptions, setKinds } from "./set.js";
import { datasetError } from "./text-file.js";
import type { Warn } from "./warning.js";

/**
 * Known sets: IEMOCAP's release by Session1, MELD by train_sent_emo.csv, EmoryNLP by the names of its files or
 * columns. GoEmotions is known by train.tsv with ids and no other names in labels.txt. Any other set is its owner's: a
 * table with a header, or a table of GoEmotions' form. Such a table stands alone, or in a folder as train.csv,
 * train.tsv or train.jsonl. Throws INVALID_DATASET.
 */
export function loadLabelledSet(path: string, options: SetOptions = {}): LabelledSet {
  const kind = setKindOf(path);
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  if (kind === "own") return { kind, name: nameOf(path), ...loadOwn(path, options, warn), warnings };
  const withTest = options.test ?? false;
  return { kind, name: kind, ...loaders[kind]({ path, withTest, warn }), warnings };
}

/** Throws INVALID_DATASET if the path holds no set of a known kind. */
export function setKindOf(path: string): SetKind {
  if (isTable(path)) return findEmoryNlp(path) === undefined ? "own" : "emorynlp";
  const files = filesIn(path);
  if (files.some((name) => /^Session[1-5]$/.test(name))) return "iemocap";
  if (files.includes("train_sent_emo.csv")) return "meld";
  if (files.includes("train.tsv")) {
    const names = readLabelFile(path) ?? [];
    return holdsIds(join(path, "train.tsv")) && names.every((name) => groupOf(name)) ? "goemotions" : "own";
  }
  if (files.some((name) => name === "train.csv" || name === "train.jsonl")) return "own";
  if (findEmoryNlp(path) !== undefined) return "emorynlp";
  throw datasetError(
    path,
    undefined,
    "the folder holds none of Session1 to Session5, train_sent_emo.csv, emorynlp_train_final.csv, train.tsv, train.csv and train.jsonl; name a folder that does, or a .csv, .tsv or .jsonl file",
  );
}

interface LoaderInput {
  readonly path: string;
  readonly withTest: boolean;
  readonly warn: Warn;
}
type Loader = (input: LoaderInput) => Omit<LabelledSet, "kind" | "name" | "warnings">;

const loaders: Readonly<Record<Exclude<SetKind, "own">, Loader>> = {
  goemotions: ({ path, withTest, warn }) => {
    const { labelNames, train, dev } = loadGoEmotions(path);
    const files = (["train", "dev", "test"] as const).map((part) => partFile(path, part, ["tsv"]));
    warnOfOthers(path, files, warn);
    const testPath = files[2];
    const test = withTest && testPath !== undefined ? { test: readGoEmotionsFile(testPath, labelNames) } : {};
    return { labels: labelNames, train, dev, ...test };
  },
  iemocap: ({ path, withTest, warn }) => {
    const { train, validation, test } = loadIemocap(path, warn);
    const under = (rows: typeof train) =>
      rows.map((row) => ({ ...row, labelIds: [iemocapLabels.indexOf(row.label)], speaker: speakerOf(row.turn) }));
    return {
      labels: iemocapLabels,
      train: under(train),
      dev: under(validation),
      ...(withTest ? { test: under(test) } : {}),
    };
  },
  meld: ({ path, withTest, warn }) => {
    const { train, dev, test } = loadMeld(path, warn);
    warnOfOthers(path, meldFiles(path), warn);
    const under = (rows: typeof train) => rows.map((row) => ({ ...row, labelIds: [emotionLabels.indexOf(row.label)] }));
    return {
      labels: emotionLabels,
      columns: meldColumns,
      train: under(train),
      dev: under(dev),
      ...(withTest && test ? { test: under(test) } : {}),
    };
  },
  emorynlp: ({ path, withTest, warn }) => {
    const files = findEmoryNlp(path)!;
    if (!isTable(path)) warnOfOthers(path, Object.values(files), warn);
    const read = (file: string) =>
      readEmoryFile(file, warn).map((row) => ({ ...row, labelIds: [emoryLabels.indexOf(row.emoryLabel)] }));
    return {
      labels: emoryLabels,
      columns: emoryColumns(files.train),
      train: read(files.train),
      ...(files.dev ? { dev: read(files.dev) } : {}),
      ...(withTest && files.test ? { test: read(files.test) } : {}),
    };
  },
};

/** Ses01F_impro01_M003 gives Ses01M: the woman or the man of the session. */
function speakerOf(turn: string): string {
  return `${turn.slice(0, 5)}${turn.split("_").at(-1)![0]}`;
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
