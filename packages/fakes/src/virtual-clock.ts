// A clock that jumps to the next sleeper whenever nothing else is ready to run: days pass in milliseconds.

import type { Clock } from "@attune/edge-agent/core/ports";

export interface VirtualClock extends Clock {
  /** Moves the wall clock alone, as a person or NTP does; sleepers and the monotonic clock do not change. */
  setWall(nowMs: number): void;
  /** Sleeps until `condition` holds; throws after `limitMs` of virtual time. */
  until(condition: () => boolean | Promise<boolean>, limitMs?: number): Promise<void>;
}

interface Sleeper {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * Runs `task` after everything that is ready now. A browser has no setImmediate, and its timers are milliseconds late.
 */
function nextTurn(task: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(task);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  const onmessage = () => {
    port1.close();
    task();
  };
  // Node's types do not know this property.
  Object.assign(port1, { onmessage });
  port2.postMessage(null);
}

export function createVirtualClock(startMs = Date.UTC(2026, 10, 22)): VirtualClock {
  const sleepers = new Set<Sleeper>();
  let elapsedMs = 0;
  let offsetMs = startMs;
  let order = 0;
  let pumping = false;

  function pump(): void {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (
        next === undefined ||
        sleeper.atMs < next.atMs ||
        (sleeper.atMs === next.atMs && sleeper.order < next.order)
      ) {
        next = sleeper;
      }
    }
    if (next === undefined) {
      pumping = false;
      return;
    }
    elapsedMs = Math.max(elapsedMs, next.atMs);
    sleepers.delete(next);
    next.wake();
    nextTurn(pump);
  }

  const clock: VirtualClock = {
    nowMs: () => offsetMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    setWall(nowMs) {
      offsetMs = nowMs - elapsedMs;
    },
    sleep(ms, signal) {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const end = () => {
          sleepers.delete(sleeper);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const sleeper: Sleeper = { atMs: elapsedMs + ms, order: order++, wake: end };
        sleepers.add(sleeper);
        signal.addEventListener("abort", end, { once: true });
        if (!pumping) {
          pumping = true;
          nextTurn(pump);
        }
      });
    },
    async until(condition, limitMs = 3_600_000) {
      const beganMs = elapsedMs;
      const never = new AbortController().signal;
      while (!(await condition())) {
        const waitedMs = elapsedMs - beganMs;
        if (waitedMs > limitMs) throw new Error("the condition did not come true in time");
        // The interval grows with the time waited, so that waiting for hours needs few checks.
        await clock.sleep(Math.max(50, waitedMs / 50), never);
      }
    },
  };
  return clock;
}
