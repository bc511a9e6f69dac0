// The host's clocks; a sleep ends early, without an error, when its signal aborts.

import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/ports.js";

/** The longest delay that a timer of Node can hold; a longer one would fire at once. */
const maxDelayMs = 2 ** 31 - 1;

export function createSystemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: async (ms, signal) => {
      if (signal.aborted) return;
      await delay(Math.min(ms, maxDelayMs), undefined, { signal: signal as globalThis.AbortSignal }).catch(
        () => undefined,
      );
    },
  };
}
