// The loop of the report slots: it waits for the time that was drawn for the slot's report, and makes the report then.

import { createBackoff } from "../concurrency/backoff.js";
import { childController } from "../concurrency/timeout.js";
import { reportDevice, reportSlot } from "../jobs/bounded-reports.js";
import { codeOf, type LoopParts } from "./loop-parts.js";

export async function slotLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, slotWakeup } = parts;
  const { clock, hashing, log } = context.ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });

  /** Waits `ms`, or without end where it is undefined, or until the contract or the release has changed. */
  async function rest(ms: number | undefined): Promise<void> {
    const { controller, release } = childController(signal);
    if (ms !== undefined) void clock.sleep(ms, controller.signal).then(() => controller.abort());
    await slotWakeup.wait(controller.signal);
    release();
    controller.abort();
  }

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
