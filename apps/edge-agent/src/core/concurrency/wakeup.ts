// Wakes a loop that has nothing to do.

import type { Clock } from "../ports.js";
import { childController } from "./timeout.js";

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

/**
 * Waits until `wakeup` notifies, at most `ms`; without a limit where `ms` is undefined. Resolves at
 * once when `signal` aborts.
 */
export async function waitAtMost(
  { wakeup, clock }: { readonly wakeup: Wakeup; readonly clock: Pick<Clock, "sleep"> },
  ms: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (ms === undefined) return wakeup.wait(signal);
  const { controller, detach } = childController(signal);
  void clock.sleep(ms, controller.signal).then(() => controller.abort());
  await wakeup.wait(controller.signal);
  detach();
  controller.abort();
}
