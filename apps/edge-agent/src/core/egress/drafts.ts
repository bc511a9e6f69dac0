// Reports that have no numbers yet. Until the server has answered a poll of this process, the store may be a restored
// copy, and its next numbers may be taken. A report made until then keeps its content, and gets its epoch, sequence
// and journal entry later.

import { firstContract } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import type { Store, StoreOperation } from "../ports.js";
import { numberedKey } from "../storage/numbered-key.js";
import { parseJson } from "../storage/parse-json.js";
import { putRecord } from "../storage/records.js";
import type { Draft } from "./report.js";

const prefix = "draft/";
const keyOf = (place: number): string => numberedKey(prefix, place);

export interface KeptDraft {
  readonly place: number;
  /**
   * The report as it was kept, in the version of the contract that it was made in. The gate judges it when
   * it gets its numbers.
   */
  readonly draft: Draft;
  readonly remove: StoreOperation;
}

export function keepDraft(place: number, draft: Draft): KeptDraft & { readonly put: StoreOperation } {
  const key = keyOf(place);
  return { place, draft, put: putRecord(key, draft), remove: { type: "delete", key } };
}

/** Reads all kept reports, in the order in which they were made. */
export async function readDrafts(store: Store): Promise<KeptDraft[]> {
  const kept: KeptDraft[] = [];
  for await (const [key, bytes] of store.entries(prefix)) {
    const json = parseJson(bytes);
    if (!json.ok) throw new AppError("STORE_CORRUPT", `the report ${key} is not JSON`);
    kept.push({
      place: Number(key.slice(prefix.length)),
      // The first agents kept no version beside the draft.
      draft: Object.assign({ contract: firstContract }, json.value) as Draft,
      remove: { type: "delete", key },
    });
  }
  return kept;
}
