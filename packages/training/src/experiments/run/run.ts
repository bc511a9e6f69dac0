// Runs every task of the experiments once. Known outcomes come from the store; new ones are computed in lanes and saved
// as soon as they are found.

import type { Progress } from "@attune/platform/progress";
import type { AppError } from "@attune/shared/errors";
import type { Experiment, Outcome, OutcomeOf, Task } from "../workbench/outcome.js";
import type { CellStore } from "./cell-store.js";
import { type Faults, failedOutcome, faultOf } from "./failures.js";
import type { Lane } from "./lanes.js";

interface TaskRun {
  readonly store: CellStore;
  readonly progress: Progress;
  readonly nowMs: () => number;
  /** Called once, when an outcome is missing. */
  readonly openLanes: (missing: readonly Task[]) => readonly Lane[];
}

interface TaskResults {
  readonly outcomeOf: OutcomeOf;
  readonly faults: Faults;
}

/**
 * Computes the missing outcomes. If a task fails, the failure is recorded and the next task begins; an outcome that
 * cannot be saved stops all lanes.
 */
export async function runTasks(tasks: readonly Task[], run: TaskRun): Promise<TaskResults> {
  const { store, progress, nowMs, openLanes } = run;
  const unique = [...new Map(tasks.map((task) => [task.key, task])).values()];
  const missing = unique.filter(({ key }) => store.get(key) === undefined);
  const total = costOf(unique);
  const known = total - costOf(missing);
  const running = new Map<Task, number>();
  const faults = new Map<string, AppError>();
  let finished = 0;
  const show = () => {
    const spent = [...running].reduce((sum, [{ cost }, fraction]) => sum + cost * fraction, finished);
    const what = [...running.keys()].map((task) => task.what).join(" + ");
    progress.show({ what: what === "" ? "done" : what, done: known + spent, total });
  };

  const next = createQueue(missing);
  async function work(lane: Lane): Promise<void> {
    for (let task = next(); task !== undefined; task = next(task)) {
      const current = task;
      // Another run in this home may have found the outcome meanwhile.
      if (store.get(current.key) !== undefined) {
        finished += current.cost;
        continue;
      }
      running.set(current, 0);
      show();
      const started = nowMs();
      let found: Outcome | undefined;
      try {
        const finding = await lane.compute(current, (fraction) => {
          running.set(current, Math.min(1, fraction));
          show();
        });
        found = { ...finding, seconds: Math.round(nowMs() - started) / 1000 };
      } catch (error) {
        if (store.get(current.key) === undefined) faults.set(current.key, faultOf(error));
      }
      if (found !== undefined) store.put(current.key, found);
      running.delete(current);
      finished += current.cost;
    }
  }

  const lanes = missing.length === 0 ? [] : openLanes(missing);
  try {
    await Promise.all(lanes.map(work));
    if (missing.length > 0) show();
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
    progress.end();
  }
  return { outcomeOf: (task) => outcomeIn(store, faults, task), faults };
}

/**
 * Hands out tasks. Tasks on the features that a lane has at hand come first, then the longest group that no lane has
 * begun. Then, so that no lane is idle at the end, comes the longest task of another lane's group.
 */
function createQueue(tasks: readonly Task[]): (last?: Task) => Task | undefined {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const name = groupOf(task);
    groups.set(name, [...(groups.get(name) ?? []), task]);
  }
  const begun = new Set<string>();
  return (last) => {
    const left = [...groups].filter(([, group]) => group.length > 0);
    const own = last === undefined ? undefined : groups.get(groupOf(last));
    const fresh = left.filter(([name]) => !begun.has(name));
    const [name, group] = own?.length
      ? [groupOf(last!), own]
      : (longest(fresh, ([, group]) => costOf(group)) ?? longest(left, ([, group]) => costOf(group)) ?? []);
    if (name === undefined || group === undefined) return undefined;
    const taken = begun.has(name) && group !== own ? longest(group, ({ cost }) => cost)! : group[0]!;
    begun.add(name);
    group.splice(group.indexOf(taken), 1);
    return taken;
  };
}

const groupOf = ({ features, key }: Task) => features ?? key;

/** The first of the largest. */
function longest<T>(list: readonly T[], lengthOf: (item: T) => number): T | undefined {
  return list.reduce<T | undefined>(
    (best, item) => (best === undefined || lengthOf(item) > lengthOf(best) ? item : best),
    undefined,
  );
}

function costOf(list: readonly Task[]): number {
  return list.reduce((sum, { cost }) => sum + cost, 0);
}

function outcomeIn(store: CellStore, faults: Faults, task: Task): Outcome {
  const fault = faults.get(task.key);
  if (fault !== undefined) return failedOutcome(fault);
  const outcome = store.get(task.key);
  if (outcome === undefined) throw new Error(`the task "${task.what}" was not computed`);
  return outcome;
}

export function tasksOf(experiments: readonly Experiment[]): Task[] {
  return experiments.flatMap(({ tasks }) => tasks);
}
