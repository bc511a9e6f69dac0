// Reads the EmoryNLP emotion set (Zahiri and Choi 2018): utterances of Friends with seven labels of its own.

import { join } from "node:path";
import { headerOf } from "./delimited.js";
import type { EmotionLabel } from "./emotions.js";
import type { DatasetColumns } from "./mapping.js";
import { filesIn, isTable } from "./parts.js";
import { type LabelledRow, readTable } from "./table.js";
import { datasetError } from "./text-file.js";
import { rowsText, type Warn } from "./warning.js";

/**
 * The set's labels and the nearest of the seven emotions. Peaceful and powerful have no counterpart and take that of
 * the set's positive group. The set has no surprise and no disgust.
 */
export const emoryGroups = {
  neutral: "neutral",
  joyful: "joy",
  peaceful: "joy",
  powerful: "joy",
  scared: "fear",
  mad: "anger",
  sad: "sadness",
} as const satisfies Record<string, EmotionLabel>;

export type EmoryLabel = keyof typeof emoryGroups;
export const emoryLabels = Object.keys(emoryGroups) as readonly EmoryLabel[];

export interface EmoryNlpRow extends LabelledRow {
  /** The set's own label, which a second pre-training task learns. */
  readonly emoryLabel: EmoryLabel;
}

/** The files as they are published (declare-lab/MELD, data/emorynlp); train alone for a set in one file. */
interface EmoryPaths {
  readonly train: string;
  readonly dev?: string;
  readonly test?: string;
}

const published = (part: string) => `emorynlp_${part}_final.csv`;

/** Returns undefined for a path that is no file or folder of EmoryNLP's. */
export function findEmoryNlp(path: string): EmoryPaths | undefined {
  if (isTable(path)) return path.endsWith(".csv") && holdsEmory(path) ? { train: path } : undefined;
  const files = filesIn(path);
  if (files.includes(published("train"))) {
    const part = (name: "dev" | "test") =>
      files.includes(published(name)) ? { [name]: join(path, published(name)) } : {};
    return { train: join(path, published("train")), ...part("dev"), ...part("test") };
  }
  const tables = files.filter((name) => name.endsWith(".csv") && !name.startsWith("."));
  const alone = tables.length === 1 ? join(path, tables[0]!) : undefined;
  return alone !== undefined && holdsEmory(alone) ? { train: alone } : undefined;
}

/** Whether the header has a name of the label. Beside Emotion the scene is needed, which MELD's files do not have. */
function holdsEmory(path: string): boolean {
  const names = headerOf(path);
  return names.includes("EmoryEmotion") || ["Utterance", "Emotion", "Scene_ID"].every((name) => names.includes(name));
}

export function emoryColumns(path: string): DatasetColumns {
  const label = headerOf(path).includes("EmoryEmotion") ? "EmoryEmotion" : "Emotion";
  return { text: "Utterance", label, speaker: "Speaker" };
}

/**
 * The rows to learn from. `path` is a CSV file, or a folder with one CSV file or the
 * published three. Throws INVALID_DATASET.
 */
export function loadEmoryNlp(path: string, warn: Warn): EmoryNlpRow[] {
  const found = findEmoryNlp(path);
  if (found !== undefined) return readEmoryFile(found.train, warn);
  throw datasetError(
    path,
    undefined,
    `the path holds no EmoryNLP; name a .csv of it, or the folder with ${published("train")}`,
  );
}

export function readEmoryFile(path: string, warn: Warn): EmoryNlpRow[] {
  const rows = readTable(path, { ...emoryColumns(path), labelNames: emoryGroups, onlyMapped: true }, warn);
  const several = rows.filter(({ speaker = "" }) => speakersIn(speaker).length > 1);
  if (several.length > 0) {
    const lines = several.map(({ sourceLine }) => sourceLine);
    warn(`${path}: ${rowsText(lines)} with several speakers count as nobody's; their texts and labels are read`);
  }
  return rows.map(({ speaker = "", ...row }) => {
    const [name, ...others] = speakersIn(speaker);
    return {
      ...row,
      ...(name === undefined || others.length > 0 ? {} : { speaker: name }),
      emoryLabel: row.sourceLabel as EmoryLabel,
    };
  });
}

/** Reads a list as Python writes it, `['Joey Tribbiani', "Joey's Dad"]`; any other text is one name. */
function speakersIn(text: string): string[] {
  if (!/^\[.*\]$/s.test(text)) return text === "" ? [] : [text];
  return [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, single, double]) => (single ?? double)!.trim());
}
