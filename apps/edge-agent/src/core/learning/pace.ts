// The pace of long work: it pauses regularly, so that the agent can answer, poll and report meanwhile.

import type { Clock } from "../ports.js";

/** The longest that other work waits, apart from the length of one step: less than a prediction takes. */
const stretchMs = 2;

interface Pace {
  /** Lets other work run once this work has run for a while. */
  yieldToOthers(): Promise<void>;
  /** Milliseconds of this work so far, without the pauses. */
  workedMs(): number;
}

export function createPace(clock: Clock): Pace {
  const never = new AbortController().signal;
  let resumedMs = clock.monotonicMs();
  let earlierMs = 0;
  return {
    async yieldToOthers() {
      const stretch = clock.monotonicMs() - resumedMs;
      if (stretch < stretchMs) return;
      earlierMs += stretch;
      await clock.sleep(0, never);
      resumedMs = clock.monotonicMs();
    },
    workedMs: () => earlierMs + clock.monotonicMs() - resumedMs,
  };
}
