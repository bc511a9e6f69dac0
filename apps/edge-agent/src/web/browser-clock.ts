// The browser's clocks; a sleep ends early, without an error, when its signal aborts.

import type { Clock } from "../core/ports.js";

/** The longest delay that a timer can hold; a longer one would fire at once. */
const maxDelayMs = 2 ** 31 - 1;

export function createBrowserClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, Math.min(ms, maxDelayMs));
        signal.addEventListener("abort", end, { once: true });
      }),
  };
}
