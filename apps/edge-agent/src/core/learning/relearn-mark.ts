// The relearn mark: on the disk while the heads are gone, or belong to other features, and no new head has been saved.

import type { Store } from "../ports.js";
import { putMark } from "../storage/records.js";

const key = "relearn";

export const putRelearnMark = putMark(key);
export const deleteRelearnMark = { type: "delete", key } as const;

export async function isRelearnDue(store: Store): Promise<boolean> {
  return (await store.get(key)) !== undefined;
}
