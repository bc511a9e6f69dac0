// Runs tasks one at a time: tasks that read, decide and write must not interleave.

/** Runs a task once all earlier tasks have settled. */
export type Exclusive = <T>(task: () => Promise<T>) => Promise<T>;

/** For work that already runs inside an exclusive task, or before any other work can start. */
export const alreadyExclusive: Exclusive = (task) => task();

/** Runs tasks in the order of the calls. A failed task does not stop the next. */
export function createExclusive(): Exclusive {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task, task);
    last = result.catch(() => undefined);
    return result;
  };
}
