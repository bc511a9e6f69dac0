// Runs experiments: every task once, from the store where it is known, saved as soon as it is found.

import type { CellStore } from "./cell-store.js";
import type { Experiment, Outcome, OutcomeOf, Task } from "./outcome.js";
import type { Progress } from "./progress.js";

export interface TaskRun {
  readonly store: CellStore;
  readonly progress: Progress;
  readonly nowMs: () => number;
}

/** Computes what is missing and returns how to look outcomes up. */
export async function runTasks(tasks: readonly Task[], { store, progress, nowMs }: TaskRun): Promise<OutcomeOf> {
  const unique = [...new Map(tasks.map((task) => [task.key, task])).values()];
  const missing = unique.filter(({ key }) => store.get(key) === undefined);
  const costOf = (list: readonly Task[]) => list.reduce((sum, { cost }) => sum + cost, 0);
  const total = costOf(unique);
  const known = total - costOf(missing);
  let spent = 0;
  for (const task of missing) {
    const show = (fraction: number) => {
      const now = spent + task.cost * Math.min(1, fraction);
      progress.update({ what: task.what, done: known + now, total, spent: now });
    };
    show(0);
    const started = nowMs();
    const finding = await task.compute(show);
    const seconds = Math.round(nowMs() - started) / 1000;
    store.put(task.key, { ...finding, seconds });
    spent += task.cost;
  }
  if (missing.length > 0) progress.update({ what: "done", done: total, total, spent });
  progress.end();
  return (task) => outcomeIn(store, task);
}

function outcomeIn(store: CellStore, task: Task): Outcome {
  const outcome = store.get(task.key);
  if (outcome === undefined) throw new Error(`the task "${task.what}" was not computed`);
  return outcome;
}

export function tasksOf(experiments: readonly Experiment[]): Task[] {
  return experiments.flatMap(({ tasks }) => tasks);
}
