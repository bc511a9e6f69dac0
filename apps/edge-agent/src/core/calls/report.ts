// Queues a metrics report now.

import type { Reported } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { type Context, requireLearningState } from "../agent-state.js";
import { hasMetricsReports, queueMetrics } from "../jobs/metrics-report.js";

/** Throws EGRESS_DENIED where the contract has no such report, OUTBOX_FULL, NO_RELEASE or NOT_ENROLLED. */
export function report(context: Context): Promise<Reported> {
  return context.exclusive(async () => {
    requireLearningState(context.agentState);
    if (!hasMetricsReports(context)) {
      const { contract } = context.egress;
      throw new AppError(
        "EGRESS_DENIED",
        `under contract ${contract} reports leave by themselves, at times drawn beforehand`,
      );
    }
    const sequence = await queueMetrics(context, []);
    if (sequence === undefined) {
      throw new AppError("OUTBOX_FULL", `${context.egress.pending} reports wait for the network`);
    }
    return { sequence };
  });
}
