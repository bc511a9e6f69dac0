// One at a time: tasks that read, decide and write must not interleave.

export type Serial = <T>(task: () => Promise<T>) => Promise<T>;

/** For work that already runs inside a serial, or before anything else can. */
export const alone: Serial = (task) => task();

/** Runs tasks in the order of the calls, each after the one before has settled. A failed task does not stop the next. */
export function createSerial(): Serial {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task, task);
    last = result.catch(() => undefined);
    return result;
  };
}

export interface Wakeup {
  notify(): void;
  /** Resolves when `notify` was called since the last wait, or when `signal` aborts. One waiter at a time. */
  wait(signal: AbortSignal): Promise<void>;
}

/** Wakes a loop that has nothing to do. */
export function createWakeup(): Wakeup {
  let notified = false;
  let wake: (() => void) | undefined;
  return {
    notify() {
      notified = true;
      wake?.();
    },
    async wait(signal) {
      if (!notified && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", resolve, { once: true });
        });
        signal.removeEventListener("abort", wake as () => void);
        wake = undefined;
      }
      notified = false;
    },
  };
}
