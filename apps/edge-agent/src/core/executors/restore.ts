// Restores the active pair at the process's start, or the pair before it where the active pair no longer works.

import { type Context, keys } from "../agent-state.js";
import { alone } from "../concurrency/serial.js";
import { isRelearnDue, setRelearnMark } from "../learning/relearn-mark.js";
import type { StoreOperation } from "../ports.js";
import type { Pair } from "../prediction/pair.js";
import { putRecord } from "../storage/records.js";
import { loadSlot } from "../update/load-slot.js";
import { type ActiveSlot, slotBytes } from "../update/slots.js";
import { isActiveState, recover } from "../update-state.js";
import type { Outcome, Progress } from "./progress.js";

export interface RestoreParts {
  readonly context: Pick<Context, "ports" | "memory" | "learner">;
  readonly progress: Progress;
}

/** Runs before anything else can. */
export async function restore({ context, progress }: RestoreParts): Promise<void> {
  const { ports, memory } = context;
  const { record, active } = memory;
  const recovered = recover(record, record.target === null ? 0 : await slotBytes(ports.files, record.target.sequence));
  if (recovered !== record) await progress.save(recovered);
  if (active === undefined) return;
  const loaded = await loadSlot(ports, active);
  if (loaded.ok) return adopt(context, loaded.value);
  const { reason } = loaded;
  ports.log("error", "slot.broken", { release: active.sequence, reason });
  const before = active.previous === null ? undefined : await loadSlot(ports, active.previous);
  if (before?.ok && active.previous !== null) {
    const reverted: ActiveSlot = { version: 1, ...active.previous, previous: null };
    const operations = [putRecord(keys.active, reverted), setRelearnMark];
    await endUnlessUnderWay(
      { context, progress },
      { state: "rolledBack", reason, runs: reverted.sequence },
      operations,
    );
    memory.active = reverted;
    return adopt(context, before.value);
  }
  const operations: StoreOperation[] = [{ type: "delete", key: keys.active }];
  await endUnlessUnderWay({ context, progress }, { state: "failed", reason, runs: 0 }, operations);
  memory.active = undefined;
}

/** An update that is under way reports an end of its own, so only the operations are written then. */
async function endUnlessUnderWay(
  { context: { ports, memory }, progress }: RestoreParts,
  { runs, ...outcome }: Outcome & { readonly runs: number },
  operations: readonly StoreOperation[],
): Promise<void> {
  if (isActiveState(memory.record.state)) await ports.store.batch(operations);
  else await progress.finish(outcome, operations, runs);
}

async function adopt({ ports: { store }, memory, learner }: RestoreParts["context"], pair: Pair): Promise<void> {
  const learningState = await learner.openLearningState(pair);
  await learner.extractMissing(learningState, new AbortController().signal, alone);
  memory.learningState = learningState;
  const mustRelearn = await isRelearnDue(store);
  memory.fitted = mustRelearn ? undefined : await learner.load(learningState);
  // The device changed its engine, so a head learned on the other engine's features is learned anew on these features.
  if (!mustRelearn && memory.fitted === undefined && (await learner.hasHeads())) await store.batch([setRelearnMark]);
}
