// Removes whatever no state needs any more. The next start removes what a crash has left behind.

import type { AgentState } from "../agent-state.js";
import { deleteOtherSets } from "../learning/features-cache.js";
import type { Ports } from "../ports.js";
import { pruneSlots } from "../update/slots.js";

export interface TidyParts {
  readonly ports: Pick<Ports, "store" | "files">;
  readonly agentState: Pick<AgentState, "activeSlot" | "update" | "learningState">;
}

export async function tidy({ ports: { store, files }, agentState }: TidyParts): Promise<void> {
  const { activeSlot, update, learningState } = agentState;
  const pending = update.state === "committed" || update.target === null ? [] : [update.target.sequence];
  const slots =
    activeSlot === undefined
      ? []
      : [activeSlot.sequence, ...(activeSlot.previous ? [activeSlot.previous.sequence] : [])];
  await pruneSlots(files, update.state === "rejected" ? slots : [...slots, ...pending]);
  if (learningState === undefined || update.state === "gating") return;
  const others = await deleteOtherSets(store, [learningState.features.key]);
  if (others.length > 0) await store.batch(others);
}
