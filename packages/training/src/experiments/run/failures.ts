// What could not be computed: one cell or table that fails takes nothing with it, and is named with its reason.

import { AppError } from "@attune/shared/errors";
import { systemFault } from "@attune/shared/system-fault";
import type { Cell, Experiment, Failure, Outcome, OutcomeOf, Task } from "../workbench/outcome.js";

/** By the key of the task that failed. */
export type Faults = ReadonlyMap<string, AppError>;

/** As the command line tells an error: what is not known to it is a defect. */
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

/** The cells of a table and what of it failed; no cells where it cannot be put together. */
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
