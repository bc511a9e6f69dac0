// The options of a run of `attune experiment`.

import type { Progress } from "@attune/platform/progress";
import type { DatasetMapping } from "../../datasets/mapping.js";
import type { ExperimentName } from "../tables/catalogue.js";

export interface ExperimentOptions {
  readonly names: readonly ExperimentName[];
  /** A folder, or one file. */
  readonly dataDirectory: string;
  /** The columns of a user's own dataset, and the new names of its labels. */
  readonly mapping?: DatasetMapping;
  /** DIR or NAME=DIR; empty for the bundled extractor. */
  readonly extractors: readonly string[];
  readonly split: "dev" | "test";
  readonly full: boolean;
  /** Fine-tune large encoders end to end too. */
  readonly withBp: boolean;
  /**
   * The number of tasks computed at a time. Each has a thread of its own, so that this thread can be interrupted; 0
   * computes one task in this thread.
   */
  readonly jobs: number;
  readonly iemocapDirectory: string | undefined;
  readonly cacheDirectory: string;
  readonly progress: Progress;
  /** Receives warnings, before anything is computed, about rows and tables that are not taken as they stand. */
  readonly onWarning: (text: string) => void;
}

/** The part of the options that a thread receives: plain data. */
export type ExperimentRequest = Omit<ExperimentOptions, "progress" | "onWarning">;
