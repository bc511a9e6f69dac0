// The loop of the quiet refits: it waits until one is due and no label has come for a while. A label that comes during
// a refit ends it, and the next pause begins another.

import { codeOf } from "@attune/shared/errors";
import { createBackoff } from "../concurrency/backoff.js";
import { refitQuietly } from "../jobs/refit.js";
import { isRefitDue } from "../learning/refit-due.js";
import type { LoopParts } from "./loop-parts.js";

/** Labels of one sitting come closer together. */
const quietMs = 3_000;

export async function refitLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, refitWakeup } = parts;
  const { ports, agentState, utterances } = context;
  const { clock, hashing, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  const isDue = () => agentState.learningState !== undefined && isRefitDue(agentState.learningState, utterances);
  while (!signal.aborted) {
    try {
      if (!isDue()) await refitWakeup.wait(signal);
      const { revision } = utterances;
      await clock.sleep(quietMs, signal);
      if (!signal.aborted && utterances.revision === revision && isDue()) await refitQuietly(context, signal);
      backoff.reset();
    } catch (error) {
      log("warn", "learning.postponed", { code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
}
