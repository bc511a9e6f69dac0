// The metrics report: counts, scores and times of the model that answers now.

import { type Context, requireLearningState } from "../agent-state.js";
import { type Draft, metricsDraft } from "../egress/report.js";
import type { StoreOperation } from "../ports.js";
import { measureLatencies } from "./standard-latencies.js";

function draftMetrics({ ports, agentState, egress, contracts, utterances }: Context): Draft<"report.metrics"> {
  const { model } = requireLearningState(agentState);
  const { measured } = agentState;
  const latencies = measureLatencies(model, ports.clock);
  const { train, holdout } = utterances.counts;
  const wording = { contracts, contract: egress.contract };
  return metricsDraft(wording, {
    releaseSequence: model.release.sequence,
    engine: ports.engine.name,
    headKind: model.release.headRecipe.kind,
    train,
    holdout,
    f1Prior: measured?.f1Prior ?? null,
    f1Personal: measured?.f1Personal ?? null,
    predictP50Ms: latencies.percentile(0.5),
    predictP90Ms: latencies.percentile(0.9),
    trainMs: measured?.trainMs ?? null,
  });
}

/**
 * Queues the report together with `operations`, and returns its sequence. A full outbox takes nothing: the held report
 * is counted, and the result is undefined. Throws NO_RELEASE.
 */
export async function queueMetrics(
  context: Context,
  operations: readonly StoreOperation[],
): Promise<number | undefined> {
  const { agentState, egress } = context;
  if (!egress.hasRoom()) {
    agentState.reportsHeld++;
    return undefined;
  }
  const [sequence] = await egress.queue([draftMetrics(context)], operations);
  return sequence;
}

/** Whether the contract that the device speaks has metrics reports. */
export function hasMetricsReports({ contracts, egress }: Pick<Context, "contracts" | "egress">): boolean {
  return contracts.declaration(egress.contract, "report.metrics") !== undefined;
}
