// What a run of `attune experiment` is asked for.

import type { DatasetMapping } from "../../datasets/mapping.js";
import type { ExperimentName } from "../tables/catalogue.js";
import type { Progress } from "./progress.js";

export interface ExperimentOptions {
  readonly names: readonly ExperimentName[];
  /** A folder, or one file. */
  readonly dataDirectory: string;
  /** How a dataset of the user's own calls its columns, and what its labels are to be called. */
  readonly mapping?: DatasetMapping;
  /** DIR or NAME=DIR; empty: the bundled one. */
  readonly extractors: readonly string[];
  readonly split: "dev" | "test";
  readonly full: boolean;
  /** Fine-tune large encoders end to end too. */
  readonly withBp: boolean;
  /** How many tasks are computed at a time, each in a thread of its own, so that this one can be interrupted; 0: one, in this one. */
  readonly jobs: number;
  readonly iemocapDirectory: string | undefined;
  readonly cacheDirectory: string;
  readonly progress: Progress;
  /** Told once, before anything is computed, of rows and tables that are not taken as they stand. */
  readonly onWarning: (text: string) => void;
}

/** What a thread is told: plain data. */
export type ExperimentRequest = Omit<ExperimentOptions, "progress" | "onWarning">;
