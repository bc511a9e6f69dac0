// Records failures: a cell or table that fails is named with its reason, and all others are computed.

import { AppError } from "@attune/shared/errors";
import { systemFault } from "@attune/shared/system-fault";
import type { Cell, Experiment, Failure, Outcome, OutcomeOf, Task } from "../workbench/outcome.js";

/** Faults by the key of the failed task. */
export type Faults = ReadonlyMap<string, AppError>;

/** Classifies an error as the command line does: an unknown error is a defect. */
export function faultOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return systemFault(error) ?? new AppError("INTERNAL", message, { cause: error });
}

export function failedOutcome({ code, message }: AppError): Outcome {
  return { scores: [], notes: [`failed: ${code}: ${message}`], seconds: 0 };
}

export function failuresOf(table: string, tasks: readonly Task[], faults: Faults): Failure[] {
  const unique = [...new Map(tasks.map((task) => [task.key, task])).values()];
  return unique.flatMap(({ key, what }) => {
    const fault = faults.get(key);
    return fault === undefined ? [] : [failure(table, what, fault)];
  });
}

/** The cells of a table and its failures; no cells if the table cannot be assembled. */
export function assembled(
  experiment: Experiment,
  outcomeOf: OutcomeOf,
  faults: Faults,
): { readonly cells: Cell[]; readonly failed: Failure[] } {
  const failed = failuresOf(experiment.name, experiment.tasks, faults);
  try {
    return { cells: experiment.assemble(outcomeOf), failed };
  } catch (error) {
    return { cells: [], failed: [...failed, failure(experiment.name, "the whole table", faultOf(error))] };
  }
}

export function failureText({ table, what, code, message }: Failure): string {
  return `${table}, ${what}: ${code}: ${message}`;
}

function failure(table: string, what: string, { code, message }: AppError): Failure {
  return { table, what, code, message };
}
