// Reads MELD (Poria et al. 2019): utterances of the series Friends with speaker and emotion, as its authors publish them.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type LabelledRow, readTable } from "./table.js";

export interface Meld {
  readonly train: readonly LabelledRow[];
  readonly dev: readonly LabelledRow[];
  /** Only where the folder holds it: the test split is for the last measurement, never for choosing. */
  readonly test?: readonly LabelledRow[];
}

/** The main characters: the persons of the paper's single-user experiments (its Table 1). */
export const meldMainSpeakers = ["Joey", "Ross", "Rachel", "Phoebe", "Monica", "Chandler"] as const;

export function readMeldFile(path: string): LabelledRow[] {
  return readTable(path, { text: "Utterance", label: "Emotion", speaker: "Speaker" });
}

export function loadMeld(directory: string): Meld {
  const testPath = join(directory, "test_sent_emo.csv");
  return {
    train: readMeldFile(join(directory, "train_sent_emo.csv")),
    dev: readMeldFile(join(directory, "dev_sent_emo.csv")),
    ...(existsSync(testPath) ? { test: readMeldFile(testPath) } : {}),
  };
}
