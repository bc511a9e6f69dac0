// The pace of long work: every so often it stops for a moment, so that the agent can answer, poll and report meanwhile.

import type { Clock } from "../ports.js";

/** The most that others wait, but for the length of one step. */
const stretchMs = 20;

export interface Pace {
  /** Lets other work run where this work has run for a while. */
  breathe(): Promise<void>;
  /** Milliseconds of this work so far, without the pauses. */
  workedMs(): number;
}

export function createPace(clock: Clock): Pace {
  const never = new AbortController().signal;
  let resumedMs = clock.monotonicMs();
  let earlierMs = 0;
  return {
    async breathe() {
      const stretch = clock.monotonicMs() - resumedMs;
      if (stretch < stretchMs) return;
      earlierMs += stretch;
      await clock.sleep(0, never);
      resumedMs = clock.monotonicMs();
    },
    workedMs: () => earlierMs + clock.monotonicMs() - resumedMs,
  };
}
