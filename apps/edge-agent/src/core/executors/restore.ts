// Restores the active model at the process's start, or the model before it where the active model no longer works.

import { type Context, keys } from "../agent-state.js";
import { alreadyExclusive } from "../concurrency/exclusive.js";
import type { StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { putRecord } from "../storage/records.js";
import { loadSlot } from "../update/load-slot.js";
import { type ActiveSlot, slotBytes } from "../update/slots.js";
import { isActiveState, recover } from "../update-state.js";
import type { Outcome, UpdateWriter } from "./update-writer.js";

interface RestoreParts {
  readonly context: Pick<Context, "ports" | "agentState" | "learner">;
  readonly writer: UpdateWriter;
}

/** Runs before anything else can. */
export async function restore({ context, writer }: RestoreParts): Promise<void> {
  const { ports, agentState } = context;
  const { update, activeSlot } = agentState;
  const recovered = recover(update, update.target === null ? 0 : await slotBytes(ports.files, update.target.sequence));
  if (recovered !== update) await writer.save(recovered);
  if (activeSlot === undefined) return;
  const loaded = await loadSlot(ports, activeSlot);
  if (loaded.ok) return activate(context, loaded.value);
  const { reason } = loaded;
  ports.log("error", "slot.broken", { release: activeSlot.sequence, reason });
  const before = activeSlot.previous === null ? undefined : await loadSlot(ports, activeSlot.previous);
  if (before?.ok && activeSlot.previous !== null) {
    const reverted: ActiveSlot = { version: 1, ...activeSlot.previous, previous: null };
    const operations = [putRecord(keys.active, reverted), ...(await context.learner.deleteHeads())];
    await endUnlessUnderWay({ context, writer }, { state: "rolledBack", reason, runs: reverted.sequence }, operations);
    agentState.activeSlot = reverted;
    return activate(context, before.value);
  }
  const operations: StoreOperation[] = [{ type: "delete", key: keys.active }];
  await endUnlessUnderWay({ context, writer }, { state: "failed", reason, runs: 0 }, operations);
  agentState.activeSlot = undefined;
}

/** An update that is under way reports an end of its own, so only the operations are written then. */
async function endUnlessUnderWay(
  { context: { ports, agentState }, writer }: RestoreParts,
  { runs, ...outcome }: Outcome & { readonly runs: number },
  operations: readonly StoreOperation[],
): Promise<void> {
  if (isActiveState(agentState.update.state)) await ports.store.batch(operations);
  else await writer.finish(outcome, operations, runs);
}

async function activate({ agentState, learner }: RestoreParts["context"], model: Model): Promise<void> {
  const learningState = await learner.openLearningState(model);
  await learner.extractMissing(learningState, { signal: new AbortController().signal, exclusive: alreadyExclusive });
  agentState.measured = await learner.resume(learningState);
  agentState.learningState = learningState;
}
