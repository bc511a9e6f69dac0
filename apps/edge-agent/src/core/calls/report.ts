// Queues a metrics report now.

import type { Reported } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { type Context, requireLearningState } from "../agent-state.js";
import { queueMetrics } from "../jobs/metrics-report.js";

/** Throws OUTBOX_FULL, NO_RELEASE or NOT_ENROLLED. */
export function report(context: Context): Promise<Reported> {
  return context.exclusive(async () => {
    requireLearningState(context.agentState);
    const sequence = await queueMetrics(context, []);
    if (sequence === undefined) {
      throw new AppError("OUTBOX_FULL", `${context.egress.pending} reports wait for the network`);
    }
    return { sequence };
  });
}
