// Removes whatever no state needs any more. The next start removes what a crash has left behind.

import type { AgentState } from "../agent-state.js";
import { deleteOtherSets } from "../learning/features-cache.js";
import type { Ports } from "../ports.js";
import { listSlots, pruneSlots, sourceSlots } from "../update/slots.js";

interface TidyParts {
  readonly ports: Pick<Ports, "store" | "files">;
  readonly agentState: Pick<AgentState, "activeSlot" | "update" | "learningState">;
}

export async function tidy({ ports: { store, files }, agentState }: TidyParts): Promise<void> {
  const { activeSlot, update, learningState } = agentState;
  const slots = await listSlots(files);
  await pruneSlots(files, slotsInUse({ activeSlot, update }, slots));
  if (learningState === undefined || update.state === "gating") return;
  const others = await deleteOtherSets(store, [learningState.features.key]);
  if (others.length > 0) await store.batch(others);
}

/**
 * The active slot, the slot before, and the slot of the last release that was not taken, whose pieces the next release
 * may share. Until a release is whole, the slots that may hold its pieces stay, too, unless the disk was too full.
 */
function slotsInUse(
  { activeSlot, update: { state, reason, target } }: Pick<AgentState, "activeSlot" | "update">,
  slots: readonly number[],
): number[] {
  const running = [activeSlot, activeSlot?.previous].flatMap((slot) => slot?.sequence ?? []);
  if (target === null || state === "committed") return running;
  const isMissing = state === "downloading" || state === "timedOut" || (state === "failed" && reason !== "diskFull");
  return [...running, target.sequence, ...(isMissing ? sourceSlots(slots, target.sequence) : [])];
}
