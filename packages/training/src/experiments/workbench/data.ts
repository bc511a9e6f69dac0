// The dataset of the experiments: MELD, as in the paper, or any other labelled set, with one label a row and in parts.

import { emotionLabels } from "../../datasets/emotions.js";
import { goEmotionsGroups } from "../../datasets/goemotions.js";
import type { DatasetMapping } from "../../datasets/mapping.js";
import { meldMainSpeakers } from "../../datasets/meld.js";
import { inParts, openSets, renameLabels, type SetInParts } from "../../datasets/open-sets.js";
import type { LabelledSet, SetKind } from "../../datasets/set.js";
import { datasetError } from "../../datasets/text-file.js";
import { rowsText } from "../../datasets/warning.js";

export interface DataRow {
  readonly text: string;
  readonly label: string;
  /** An index into the classes. */
  readonly labelId: number;
  readonly speaker?: string;
  /** The place where a reader finds the row: a turn's name, or the line of the file. */
  readonly place: string;
}

export interface ExperimentData {
  readonly name: string;
  /** MELD under its own labels, which the paper's numbers refer to. */
  readonly isPaper: boolean;
  /** The path of the release, if the experiments are on it. */
  readonly iemocap?: string;
  /** The seven emotions if there are no others, so that a release's prior head has the same classes. */
  readonly classes: readonly string[];
  /** The speakers of tables 2 and 7. */
  readonly speakers: readonly string[];
  /** The reason why there are no speakers; empty if there are some. */
  readonly withoutSpeakers: string;
  readonly train: readonly DataRow[];
  readonly dev: readonly DataRow[];
  readonly test?: readonly DataRow[];
  /** Changes made beforehand: parts drawn by lot, rows left out. */
  readonly notes: readonly string[];
  /** Warnings about rows that were not taken as they stand, and about tables that were not read: a sentence each. */
  readonly warnings: readonly string[];
}

const titles: Readonly<Record<Exclude<SetKind, "own">, string>> = {
  meld: "MELD",
  iemocap: "IEMOCAP",
  goemotions: "GoEmotions",
  emorynlp: "EmoryNLP",
};

/** With fewer rows, settings cannot be compared on rows held back. */
const minRows = 25;
const maxSpeakers = 6;

/** Throws INVALID_DATASET naming file and line, or INVALID_INPUT naming the flag. */
export function openData(path: string, mapping: DatasetMapping, split: "dev" | "test"): ExperimentData {
  const found = openSets([path], mapping, true)[0]!;
  // GoEmotions' groups, unless --labels names its own 28 labels.
  const grouped = found.kind === "goemotions" && found.renamed === undefined;
  const set = inParts(grouped ? renameLabels(found, goEmotionsGroups) : found, path);
  const classes = set.labels.every((label) => emotionLabels.some((known) => known === label))
    ? emotionLabels
    : set.labels;
  const rowsOf = (part: LabelledSet["train"]) => part.flatMap((row) => dataRows(row, set.labels, classes));
  const [train, dev, test] = [rowsOf(set.train), rowsOf(set.dev), set.test && rowsOf(set.test)];
  if (train.length < minRows || dev.length === 0) {
    throw datasetError(
      path,
      undefined,
      `${train.length} rows to learn from and ${dev.length} to measure on; an experiment needs ${minRows} and 1`,
    );
  }
  const isPaper = set.kind === "meld" && set.renamed === undefined;
  const speakers = isPaper ? meldMainSpeakers : mostHeard(train, split === "test" ? (test ?? []) : dev);
  const notes = [...(set.byLot === undefined ? [] : [`${set.byLot}, by lot and label by label`]), ...leftOutNotes(set)];
  return {
    name: set.kind === "own" ? set.name : titles[set.kind],
    isPaper,
    ...(set.kind === "iemocap" ? { iemocap: path } : {}),
    classes,
    speakers,
    withoutSpeakers: speakers.length > 0 ? "" : whyNobody(set.kind, train, split),
    train,
    dev,
    ...(test === undefined ? {} : { test }),
    notes,
    warnings: [...set.warnings, ...notes.map((note) => `${path}: ${note}`)],
  };
}

function leftOutNotes(set: SetInParts): string[] {
  return (["train", "dev", "test"] as const).flatMap((part) => {
    const several = (set[part] ?? []).filter(({ labelIds }) => labelIds.length !== 1);
    const lines = several.map(({ sourceLine }) => sourceLine);
    return lines.length === 0 ? [] : [`${rowsText(lines)} of ${part} with several labels are left out`];
  });
}

/** Empty for a row with several labels. */
function dataRows(
  { text, labelIds, speaker, turn, sourceLine }: LabelledSet["train"][number],
  labels: readonly string[],
  classes: readonly string[],
): DataRow[] {
  if (labelIds.length !== 1) return [];
  const label = labels[labelIds[0]!]!;
  const place = turn ?? `line ${sourceLine}`;
  return [{ text, label, labelId: classes.indexOf(label), place, ...(speaker === undefined ? {} : { speaker }) }];
}

/** The speakers with the most rows to learn from, among those with rows to measure on. */
function mostHeard(train: readonly DataRow[], measured: readonly DataRow[]): string[] {
  const counts = new Map<string, number>();
  for (const { speaker } of train) if (speaker !== undefined) counts.set(speaker, (counts.get(speaker) ?? 0) + 1);
  const heard = new Set(measured.map(({ speaker }) => speaker));
  return [...counts]
    .filter(([speaker, count]) => count >= minRows && heard.has(speaker))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, maxSpeakers)
    .map(([speaker]) => speaker);
}

function whyNobody(kind: SetKind, train: readonly DataRow[], split: string): string {
  if (train.some(({ speaker }) => speaker !== undefined)) {
    return `no speaker has ${minRows} utterances to learn from and one in the ${split} split`;
  }
  const remedy = kind === "own" ? ": --columns text=…,label=…,speaker=COLUMN where there is such a column" : "";
  return `the dataset names no speakers${remedy}`;
}

/** Neutral if there is such a label, else the most frequent one: the prediction of a head that learns nothing. */
export function commonestClass({ classes, train }: ExperimentData): number {
  const neutral = classes.indexOf("neutral");
  if (neutral >= 0) return neutral;
  const counts = new Int32Array(classes.length);
  for (const { labelId } of train) counts[labelId]!++;
  return counts.indexOf(Math.max(...counts));
}

/** (N) indices into the classes. */
export function labelsOf(rows: readonly Pick<DataRow, "labelId">[]): Int32Array {
  return Int32Array.from(rows, ({ labelId }) => labelId);
}
