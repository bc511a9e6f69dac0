// Reads the EmoryNLP emotion set (Zahiri and Choi 2018): utterances of Friends with seven labels of their own.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { EmotionLabel } from "@attune/shared/contracts/dataset";
import { datasetError, type LabelledRow, readTable } from "./table.js";

/**
 * The set's labels and the nearest of the seven. Peaceful and powerful have no counterpart: they take that of the
 * set's positive group. There is no surprise and no disgust.
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
  /** The set's own label, which is what a second pre-training task learns. */
  readonly emoryLabel: EmoryLabel;
}

/** `path`: the CSV file, or a folder that holds exactly one. */
export function loadEmoryNlp(path: string): EmoryNlpRow[] {
  return readTable(findFile(path), {
    text: "Utterance",
    label: "EmoryEmotion",
    speaker: "Speaker",
    labelNames: emoryGroups,
    onlyMapped: true,
  }).map((row) => ({ ...row, emoryLabel: row.sourceLabel as EmoryLabel }));
}

function findFile(path: string): string {
  if (path.endsWith(".csv")) return path;
  const found = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith(".csv")) : [];
  if (found.length !== 1) {
    throw datasetError(path, undefined, `${found.length} .csv files where one is expected; name the file itself`);
  }
  return join(path, found[0]!);
}
