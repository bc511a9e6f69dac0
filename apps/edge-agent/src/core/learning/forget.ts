// Forgetting: one batch takes the utterance, its features and every head that has seen it, and notes that a new head is due.

import type { Store, StoreOperation } from "../ports.js";
import { deleteFeatures } from "./features-cache.js";
import type { Learner } from "./learner.js";
import { putRelearnMark } from "./relearn-mark.js";
import type { Utterances } from "./utterances.js";

interface ForgetParts {
  readonly store: Store;
  readonly utterances: Utterances;
  readonly learner: Learner;
}

/** The operations to write, or undefined where no such utterance is stored. `hadLearned`: whether a head must be trained again. */
export async function forgetOperations(
  { store, utterances, learner }: ForgetParts,
  id: string,
  hadLearned: boolean,
): Promise<StoreOperation[] | undefined> {
  if (utterances.entry(id) === undefined) return undefined;
  return [
    await utterances.delete(id),
    ...(await deleteFeatures(store, await utterances.nameOf(id))),
    ...(await learner.deleteHeads()),
    ...(hadLearned ? [putRelearnMark] : []),
  ];
}

/** Forgets once more what a copy of the store brought back, before anything is read or learned from it. Returns the number of utterances. */
export async function forgetReturned(parts: ForgetParts): Promise<number> {
  const { store, utterances, learner } = parts;
  const { returned } = utterances;
  if (returned.length === 0) return 0;
  const hadLearned = await learner.hasHeads();
  const operations = await Promise.all(returned.map((id) => forgetOperations(parts, id, hadLearned)));
  await store.erase(operations.flatMap((each) => each ?? []));
  for (const id of returned) utterances.onWritten(id, undefined);
  return returned.length;
}
