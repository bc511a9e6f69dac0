// Forgetting: one batch takes the utterance, its features and every head that has seen it. A refit is due while no head
// is saved.

import type { Store } from "../ports.js";
import type { PendingChange } from "../storage/pending-change.js";
import { deleteFeatures } from "./features-cache.js";
import type { Learner } from "./learner.js";
import type { Scores } from "./scores.js";
import type { Utterances } from "./utterances.js";

interface ForgetParts {
  readonly store: Store;
  readonly utterances: Utterances;
  readonly learner: Pick<Learner, "deleteHeads">;
  readonly scores: Scores;
}

/** Undefined where no such utterance is stored. */
export async function forgetUtterance(
  { store, utterances, learner, scores }: ForgetParts,
  id: string,
): Promise<PendingChange | undefined> {
  if (!utterances.kept().has(id)) return undefined;
  const name = await utterances.nameOf(id);
  const score = scores.delete(name);
  const operations = [
    await utterances.delete(id),
    ...score.operations,
    ...(await deleteFeatures(store, name)),
    ...(utterances.entry(id) === undefined ? [] : await learner.deleteHeads()),
  ];
  return {
    operations,
    onWritten() {
      score.onWritten();
      utterances.onWritten(id, undefined);
    },
  };
}

/**
 * Forgets once more what a copy of the store brought back, before anything is read or learned from it. Returns
 * the number of utterances.
 */
export async function forgetReturned(parts: ForgetParts): Promise<number> {
  const { returned } = parts.utterances;
  const forgettings = await Promise.all(returned.map((id) => forgetUtterance(parts, id)));
  if (returned.length > 0) await parts.store.erase(forgettings.flatMap((each) => each?.operations ?? []));
  for (const each of forgettings) each?.onWritten();
  return returned.length;
}
