// The loop of the report slots: it waits for the time that was drawn for the slot's report, and makes the report then.

import { codeOf } from "@attune/shared/errors";
import { createBackoff } from "../concurrency/backoff.js";
import { waitAtMost } from "../concurrency/wakeup.js";
import { reportDevice, reportSlot } from "../jobs/bounded-reports.js";
import type { LoopParts } from "./loop-parts.js";

export async function slotLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, slotWakeup } = parts;
  const { clock, hashing, log } = context.ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });

  const rest = (ms: number | undefined) => waitAtMost({ wakeup: slotWakeup, clock }, ms, signal);

  async function step(): Promise<void> {
    const view = await context.egress.advanceSlot();
    if (view === undefined) return rest(undefined);
    if (view.dueInMs === 0) return reportSlot(context);
    await reportDevice(context);
    const { dueInMs, endsInMs } = context.egress.slot() ?? view;
    return rest(dueInMs ?? endsInMs);
  }

  while (!signal.aborted) {
    try {
      await step();
      backoff.reset();
    } catch (error) {
      log("error", "slot.step.failed", { code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
}
