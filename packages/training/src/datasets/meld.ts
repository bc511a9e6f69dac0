// Reads MELD (Poria et al. 2019): utterances of the series Friends with speaker and emotion, as
// its authors publish them.

import { join } from "node:path";
import { isPresentSync } from "@attune/platform/presence";
import { type LabelledRow, readTable } from "./table.js";
import type { Warn } from "./warning.js";

export interface Meld {
  readonly train: readonly LabelledRow[];
  readonly dev: readonly LabelledRow[];
  /** Only if the folder holds it: the test split is for the last measurement, never for choosing. */
  readonly test?: readonly LabelledRow[];
}

/** The main characters: the persons of the paper's single-user experiments (its Table 1). */
export const meldMainSpeakers = ["Joey", "Ross", "Rachel", "Phoebe", "Monica", "Chandler"] as const;

export const meldColumns = { text: "Utterance", label: "Emotion", speaker: "Speaker" } as const;

export function readMeldFile(path: string, warn: Warn): LabelledRow[] {
  return readTable(path, meldColumns, warn);
}

/** The paths of train, dev and test, whether the files exist or not. */
export function meldFiles(directory: string): string[] {
  return ["train", "dev", "test"].map((part) => join(directory, `${part}_sent_emo.csv`));
}

export function loadMeld(directory: string, warn: Warn): Meld {
  const [train, dev, test] = meldFiles(directory) as [string, string, string];
  return {
    train: readMeldFile(train, warn),
    dev: readMeldFile(dev, warn),
    ...(isPresentSync(test) ? { test: readMeldFile(test, warn) } : {}),
  };
}
