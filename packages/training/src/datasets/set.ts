// A labelled set as every reader hands it on: its kind, its labels and its rows.

import type { DatasetColumns } from "./mapping.js";

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
  /** Of a published table: what its columns are called. */
  readonly columns?: DatasetColumns;
  /** Of rows that were not taken as they stand, and of tables that were not read: a sentence each. */
  readonly warnings: readonly string[];
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
