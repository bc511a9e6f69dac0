// The reports of a contract with bounds: how fast a release computes here, once, and a noisy block of scores
// in each report slot.

import { type Context, keys } from "../agent-state.js";
import { deviceDraft, slotDraft } from "../egress/report.js";
import { putRecord } from "../storage/records.js";
import { measureLatencies } from "./standard-latencies.js";

/** Reports the latencies of the release that runs, once for each release. */
export function reportDevice(context: Context): Promise<void> {
  const { ports, agentState, egress, contracts, exclusive } = context;
  return exclusive(async () => {
    const { learningState, activeSlot, measuredRelease } = agentState;
    const releaseSequence = activeSlot?.sequence ?? 0;
    if (learningState === undefined || measuredRelease === releaseSequence) return;
    const latencies = measureLatencies(learningState.model, ports.clock);
    const draft = deviceDraft(
      { contracts, contract: egress.contract },
      {
        releaseSequence,
        engine: ports.engine.name,
        predictP50Ms: latencies.percentile(0.5)!,
        predictP90Ms: latencies.percentile(0.9)!,
      },
    );
    await egress.queue([draft], [putRecord(keys.measured, { version: 1, release: releaseSequence })]);
    agentState.measuredRelease = releaseSequence;
  });
}

/** Reports the slot under way, and takes the block that it holds out of the store in the same batch. */
export function reportSlot(context: Context): Promise<void> {
  const { ports, agentState, egress, contracts, scores, exclusive } = context;
  return exclusive(async () => {
    const { blockSize } = egress.rules!;
    const releaseSequence = agentState.activeSlot?.sequence ?? 0;
    const { block, operations, onWritten } = scores.takeBlock(releaseSequence, blockSize);
    const wording = { contracts, contract: egress.contract };
    await egress.queue([slotDraft(wording, block, ports.hashing)], operations);
    onWritten();
  });
}
