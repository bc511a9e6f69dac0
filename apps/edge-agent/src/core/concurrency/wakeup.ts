// Wakes a loop that has nothing to do.

export interface Wakeup {
  notify(): void;
  /** Resolves when `notify` was called since the last wait, or when `signal` aborts. One waiter at a time. */
  wait(signal: AbortSignal): Promise<void>;
}

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
