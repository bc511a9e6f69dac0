// A labelled set as every reader returns it: its kind, its labels and its rows.

import type { DatasetColumns } from "./mapping.js";

/** The published sets, and `own` for any set that its owner labelled. */
export const setKinds = ["goemotions", "iemocap", "meld", "emorynlp", "own"] as const;
export type SetKind = (typeof setKinds)[number];

export interface SetRow {
  readonly text: string;
  /** Indices into the set's labels. */
  readonly labelIds: readonly number[];
  /** The label as digests of the data contain it; a published set's reader chooses the name. */
  readonly label: string;
  readonly speaker?: string;
  /** The turn as IEMOCAP names it. */
  readonly turn?: string;
  /** The line of the part's file. */
  readonly sourceLine: number;
}

export interface LabelledSet {
  readonly kind: SetKind;
  /** The kind, or the name of the owner's folder or file, in a form that fits a weight's name. */
  readonly name: string;
  readonly labels: readonly string[];
  /** The columns' names in a published table. */
  readonly columns?: DatasetColumns;
  /** Warnings about rows that were not taken as they stand, and about tables that were not read: a sentence each. */
  readonly warnings: readonly string[];
  /** The set's own names of labels that --labels renamed, and their new names. */
  readonly renamed?: Readonly<Record<string, string>>;
  readonly train: readonly SetRow[];
  /** Absent for a set in one piece. */
  readonly dev?: readonly SetRow[];
  /** Absent also if the caller did not ask for it: learning must not use it. */
  readonly test?: readonly SetRow[];
}

export interface SetOptions {
  /** The columns of an owner's tables that are not called text, label and speaker. */
  readonly columns?: DatasetColumns | undefined;
  /** New names of labels of an owner's tables, applied while reading: before it, the parts need not agree. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Read the test part, if there is one. */
  readonly test?: boolean;
}
