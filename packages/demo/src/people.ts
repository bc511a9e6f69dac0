// The people of a dataset in MELD's form: the most frequent speakers, with utterances to learn from and utterances
// to be tested on.

import { AppError } from "@attune/shared/errors";
import type { EmotionLabel } from "@attune/training/datasets/emotions";
import { loadMeld } from "@attune/training/datasets/meld";
import type { LabelledRow } from "@attune/training/datasets/table";
import type { Warn } from "@attune/training/datasets/warning";

export interface Said {
  /** The caller's id of the utterance: its split and row, never its words. */
  readonly id: string;
  readonly text: string;
  readonly label: EmotionLabel;
  readonly split: "train" | "holdout";
}

export interface Person {
  readonly name: string;
  /** The name of the agent's directory. */
  readonly slug: string;
  readonly said: readonly Said[];
}

const maxPeople = 6;

/**
 * The `count` speakers with the most training utterances, most first; the dev split is their hold-out. A speaker who is
 * missing from either split is left out.
 */
export function loadPeople(directory: string, count = maxPeople, warn: Warn = () => {}): Person[] {
  const { train, dev } = loadMeld(directory, warn);
  const bySpeaker = new Map<string, { train: LabelledRow[]; dev: LabelledRow[] }>();
  for (const [split, rows] of [["train", train] as const, ["dev", dev] as const]) {
    for (const row of rows) {
      if (row.speaker === undefined || row.speaker === "") continue;
      const rowsOfSpeaker = bySpeaker.get(row.speaker) ?? { train: [], dev: [] };
      rowsOfSpeaker[split].push(row);
      bySpeaker.set(row.speaker, rowsOfSpeaker);
    }
  }
  const people = [...bySpeaker]
    .filter(([, rows]) => rows.train.length > 0 && rows.dev.length > 0)
    .sort(([nameA, a], [nameB, b]) => b.train.length - a.train.length || (nameA < nameB ? -1 : 1))
    .slice(0, count)
    .map(([name, rows]) => createPerson(name, rows));
  if (people.length === 0) {
    throw new AppError("INVALID_DATASET", `${directory}: no speaker occurs in both the train and the dev split`);
  }
  return people;
}

function createPerson(name: string, rows: { train: readonly LabelledRow[]; dev: readonly LabelledRow[] }): Person {
  const said = (row: LabelledRow, split: Said["split"]): Said => ({
    id: `${split}-${row.sourceLine}`,
    text: row.text,
    label: row.label,
    split,
  });
  return {
    name,
    slug: name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, ""),
    // The hold-out comes first, so that all of it can measure every later training.
    said: [...rows.dev.map((row) => said(row, "holdout")), ...rows.train.map((row) => said(row, "train"))],
  };
}
