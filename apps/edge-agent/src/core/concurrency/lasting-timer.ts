// A timer that counts across runs of the process.

import type { Clock } from "../ports.js";

interface LastingTimer {
  /** Milliseconds since the time that was saved, or since the last `restart`. */
  elapsedMs(): number;
  /** Called once the present time of the wall clock is saved. */
  restart(): void;
  /**
   * Whether the wall clock shows an earlier time than the saved time. The caller then saves the time anew: a clock that
   * was far ahead once would otherwise let no time pass for years.
   */
  readonly wasSetBack: boolean;
}

/**
 * While the agent runs, only its steady clock counts, so that no setting of the wall clock makes time pass. Between two
 * runs only the wall clock can measure; a clock that was set back counts as no time at all.
 */
export function resumeTimer(clock: Pick<Clock, "nowMs" | "monotonicMs">, savedWallMs: number): LastingTimer {
  const offMs = clock.nowMs() - savedWallMs;
  let sinceMs = clock.monotonicMs() - Math.max(0, offMs);
  return {
    elapsedMs: () => clock.monotonicMs() - sinceMs,
    restart() {
      sinceMs = clock.monotonicMs();
    },
    wasSetBack: offMs < 0,
  };
}
