// The parts of an experiment: tasks that compute outcomes, saved one by one, and a pure function from
// outcomes to a table.

import { z } from "zod";

/** The finding of one task. It is plain JSON, saved as it is, and holds no utterance. */
export const outcomeSchema = z.strictObject({
  /** One number a run; empty if every run was singular. */
  scores: z.array(z.number()),
  /** The chosen settings, the singular cells, and other notes for a reader. */
  notes: z.array(z.string()),
  /** The seconds that the computation took. */
  seconds: z.number(),
  /** (classes * classes), rows = truth; of the first run. */
  confusion: z.array(z.number()).optional(),
  /** Named series for plots, and for tables that need more than a score. */
  series: z.record(z.string(), z.array(z.number())).optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;
export type Finding = Omit<Outcome, "seconds">;

export interface Task {
  /** Everything that the outcome depends on: equal keys, equal outcomes. */
  readonly key: string;
  /** The text of the progress bar. */
  readonly what: string;
  /** The approximate duration in seconds: only the ratios matter. */
  readonly cost: number;
  /** Tasks on the same features are best computed one after the other. */
  readonly features?: string;
  compute(report: (fraction: number) => void): Promise<Finding> | Finding;
}

const cellSchema = z.strictObject({
  row: z.string(),
  column: z.string(),
  /** The paper's number in this cell. */
  paper: z.union([z.number(), z.string(), z.null()]),
  /** null if nothing was measured; `notes` says why. */
  measured: z.union([z.number(), z.string(), z.null()]),
  /** Standard deviation over the runs (n - 1); null for fewer than two. */
  sd: z.number().nullable(),
  /** The number of runs behind `measured`. */
  n: z.int().min(0),
  /** The chosen settings and other notes on the measured number. */
  notes: z.array(z.string()),
  /** Notes on the paper's number. */
  paperNotes: z.array(z.string()),
});
export type Cell = z.infer<typeof cellSchema>;

const tableSchema = z.strictObject({ table: z.string(), split: z.string(), cells: z.array(cellSchema) });

const baselineSchema = z.strictObject({
  measured: z.number().nullable(),
  sd: z.number().nullable(),
  n: z.int().min(0),
  /** A number measured earlier elsewhere, on the same split. */
  reference: z.number().nullable(),
});

const failureSchema = z.strictObject({
  /** `table1` …, or `baselines`. */
  table: z.string(),
  /** The cell, in the words of the progress bar. */
  what: z.string(),
  /** A code of docs/errors.md. */
  code: z.string(),
  message: z.string(),
});
export type Failure = z.infer<typeof failureSchema>;

/** The output of `attune experiment --json`. */
export const experimentResultSchema = z.strictObject({
  tables: z.array(tableSchema),
  baselines: z.strictObject({
    bagOfWords: baselineSchema,
    /** In a dataset without neutral, `label` is its most frequent label. */
    alwaysNeutral: baselineSchema.extend({ label: z.string() }),
    randomFeatures: baselineSchema,
  }),
  /** The cells and tables that could not be computed; all other results are valid. */
  failed: z.array(failureSchema),
  /** Warnings about rows and tables of the dataset that were not taken as they stand. */
  warnings: z.array(z.string()),
  extractors: z.array(
    z.strictObject({
      name: z.string(),
      identity: z.string(),
      engine: z.string(),
      weights: z.enum(["int8", "float32"]),
      layers: z.int(),
      hiddenSize: z.int(),
      featureSize: z.int(),
      pooling: z.string(),
      maxTokens: z.int(),
    }),
  ),
});
export type ExperimentResult = z.infer<typeof experimentResultSchema>;
export type TableResult = z.infer<typeof tableSchema>;
export type Baselines = ExperimentResult["baselines"];

/** A failed task has an outcome without scores, whose note says why. */
export type OutcomeOf = (task: Task) => Outcome;

export interface Experiment {
  /** `table1` … `table7`, `figure2`, `coverage`. */
  readonly name: string;
  readonly title: string;
  readonly tasks: readonly Task[];
  /** The question that each block of columns answers, by the common beginning of the columns' names. */
  readonly questions?: Readonly<Record<string, string>>;
  assemble(outcomeOf: OutcomeOf): Cell[];
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The deviation of a sample: divided by n - 1. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values)!;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

export interface CellPlace {
  readonly row: string;
  readonly column: string;
  readonly paper: number | string | null;
  readonly paperNotes?: readonly string[];
}

export function measuredCell(place: CellPlace, { scores, notes }: Pick<Outcome, "scores" | "notes">): Cell {
  return cellAt(place, { measured: mean(scores), sd: deviation(scores), n: scores.length, notes });
}

/** A cell without a number, and the reason. */
export function emptyCell(place: CellPlace, ...notes: readonly string[]): Cell {
  return cellAt(place, { measured: null, sd: null, n: 0, notes });
}

/** A number that is not a mean of runs, or a word. */
export function plainCell(place: CellPlace, measured: number | string | null, notes: readonly string[]): Cell {
  return cellAt(place, { measured, sd: null, n: 1, notes });
}

type Content = Pick<Cell, "measured" | "sd" | "n"> & { readonly notes: readonly string[] };

function cellAt({ row, column, paper, paperNotes = [] }: CellPlace, { measured, sd, n, notes }: Content): Cell {
  return { row, column, paper, measured, sd, n, notes: [...notes], paperNotes: [...paperNotes] };
}
