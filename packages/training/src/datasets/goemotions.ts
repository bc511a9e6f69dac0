// Reads GoEmotions (Demszky et al. 2020): Reddit comments with one or more of 28 labels, or with labels
// of the Ekman grouping.

import { join } from "node:path";
import { isPresentSync } from "@attune/platform/presence";
import { readUnquoted } from "./delimited.js";
import type { EmotionLabel } from "./emotions.js";
import { partFile } from "./parts.js";
import type { LabelledRow } from "./table.js";
import { datasetError, readTextFile } from "./text-file.js";

/** The 28 labels in the order of the set's own ids, each with its Ekman group (the set's ekman_mapping.json). */
export const goEmotionsGroups = {
  admiration: "joy",
  amusement: "joy",
  anger: "anger",
  annoyance: "anger",
  approval: "joy",
  caring: "joy",
  confusion: "surprise",
  curiosity: "surprise",
  desire: "joy",
  disappointment: "sadness",
  disapproval: "anger",
  disgust: "disgust",
  embarrassment: "sadness",
  excitement: "joy",
  fear: "fear",
  gratitude: "joy",
  grief: "sadness",
  joy: "joy",
  love: "joy",
  nervousness: "fear",
  optimism: "joy",
  pride: "joy",
  realization: "surprise",
  relief: "joy",
  remorse: "sadness",
  sadness: "sadness",
  surprise: "surprise",
  neutral: "neutral",
} as const satisfies Record<string, EmotionLabel>;

export interface GoEmotionsRow extends LabelledRow {
  /** All labels of the row as the file gives them: indices into `labelNames`. */
  readonly labelIds: readonly number[];
}

interface GoEmotions {
  /** The names of the label ids in this folder: the 28, or those that its labels.txt lists. */
  readonly labelNames: readonly string[];
  readonly train: readonly GoEmotionsRow[];
  readonly dev: readonly GoEmotionsRow[];
}

/** Reads train.tsv and dev.tsv (text, comma-separated ids, comment id). labels.txt, if present, names the ids. */
export function loadGoEmotions(directory: string): GoEmotions {
  const labelNames = readLabelNames(directory);
  return {
    labelNames,
    train: readGoEmotionsFile(join(directory, "train.tsv"), labelNames),
    dev: readGoEmotionsFile(partFile(directory, "dev", ["tsv"]) ?? join(directory, "dev.tsv"), labelNames),
  };
}

export function readGoEmotionsFile(path: string, labelNames: readonly string[]): GoEmotionsRow[] {
  const groups = labelNames.map((name) => groupOf(name)!);
  return readIdFile(path, groups.length).map((row) => {
    const labels = [...new Set(row.labelIds.map((id) => groups[id]!))];
    return { ...row, label: labels[0]!, labels };
  });
}

interface IdRow {
  readonly text: string;
  readonly labelIds: readonly number[];
  readonly sourceLine: number;
}

/** Reads a file of GoEmotions' form with ids from 0 to `labels` - 1, whatever they stand for. */
export function readIdFile(path: string, labels: number): IdRow[] {
  // The set quotes nothing: a quotation mark in a comment is a character like any other.
  return readUnquoted(path, "\t").map(({ fields, line }) => {
    if (fields.length < 2 || fields.length > 3) {
      throw datasetError(path, line, `${fields.length} tab-separated columns; expected text, label ids, id`);
    }
    const text = fields[0]!.trim();
    if (text === "") throw datasetError(path, line, "the text is empty; remove the line");
    const ids = fields[1]!.split(",").map((id) => id.trim());
    const labelIds = ids.map(Number);
    // Number() takes "" for 0, and 0x1b, 1e1 and 2.0 for whole numbers.
    if (!ids.every((id) => /^\d+$/.test(id)) || !labelIds.every((id) => id < labels)) {
      throw datasetError(
        path,
        line,
        `a label id outside the set (0 to ${labels - 1}) in the second column; write whole numbers with commas between, or correct the folder's labels.txt`,
      );
    }
    if (new Set(labelIds).size < labelIds.length) {
      throw datasetError(path, line, "a label id twice in the second column; give each id once");
    }
    return { text, labelIds, sourceLine: line };
  });
}

/** Whether a file has GoEmotions' form: no header, and ids in the place of the second column's name. */
export function holdsIds(path: string): boolean {
  const [, second] = readTextFile(path).split("\n", 1)[0]!.split("\t");
  return second !== undefined && (/^\s*[-+]?\d/.test(second) || !/\p{L}/u.test(second));
}

function readLabelNames(directory: string): readonly string[] {
  const names = readLabelFile(directory);
  if (names === undefined) return Object.keys(goEmotionsGroups);
  for (const [index, name] of names.entries()) {
    if (groupOf(name) === undefined) {
      throw datasetError(
        join(directory, labelFileName),
        index + 1,
        "not the name of a GoEmotions label; use the set's own names, one a line",
      );
    }
  }
  return names;
}

export const labelFileName = "labels.txt";

/** The label names of a folder, one a line, in lower case; undefined for a folder without the file. */
export function readLabelFile(directory: string): string[] | undefined {
  const path = join(directory, labelFileName);
  if (!isPresentSync(path)) return undefined;
  const names = readTextFile(path)
    .split(/\r?\n/)
    .map((name) => name.trim().toLowerCase());
  while (names.at(-1) === "") names.pop();
  return names;
}

export function groupOf(name: string): EmotionLabel | undefined {
  const groups: Readonly<Record<string, EmotionLabel>> = goEmotionsGroups;
  return Object.hasOwn(groups, name) ? groups[name] : undefined;
}
