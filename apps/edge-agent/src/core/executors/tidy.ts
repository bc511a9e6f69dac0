// Removes whatever no state needs any more. The next start removes what a crash has left behind.

import type { Memory } from "../agent-state.js";
import { removeOtherSets } from "../learning/features-cache.js";
import type { Ports } from "../ports.js";
import { pruneSlots } from "../update/slots.js";

export interface TidyParts {
  readonly ports: Pick<Ports, "store" | "files">;
  readonly memory: Pick<Memory, "active" | "record" | "learningState">;
}

export async function tidy({ ports: { store, files }, memory }: TidyParts): Promise<void> {
  const { active, record, learningState } = memory;
  const pending = record.state === "committed" || record.target === null ? [] : [record.target.sequence];
  const slots = active === undefined ? [] : [active.sequence, ...(active.previous ? [active.previous.sequence] : [])];
  await pruneSlots(files, record.state === "rejected" ? slots : [...slots, ...pending]);
  if (learningState === undefined || record.state === "gating") return;
  const others = await removeOtherSets(store, [learningState.features.key]);
  if (others.length > 0) await store.batch(others);
}
