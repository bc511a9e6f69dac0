// The names under which the store keeps what belongs to an utterance. The caller's id may repeat the person's
// words, and keys are not sealed. A name is therefore the id's hash under the device's key, and the id lies
// sealed with the text.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { z } from "zod";
import type { Cipher, Hashing, Store, StoreOperation } from "../ports.js";
import { parseRecord } from "../storage/records.js";

/** Prefixes: utterances by name, and their features by set and name. */
export const utterancePrefix = "utterance/";
export const featuresPrefix = "features/";

/** A character that no caller's id contains, so that a name is never taken for an id. */
const mark = "~";
const hashLength = 32;

export async function recordName({ keyedHash }: Pick<Hashing, "keyedHash">, id: string): Promise<string> {
  return mark + (await keyedHash(`utterance/${id}`)).slice(0, hashLength);
}

interface NamingParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Pick<Hashing, "keyedHash">;
}

const copiedAtOnce = 64;

/**
 * Names the records that an older agent kept by the caller's id. Copies come first and may be made again; then one
 * erasure takes all that has been copied, keys included.
 */
export async function renameEarlierRecords({ store, cipher, hashing }: NamingParts): Promise<void> {
  const named: StoreOperation[] = [];
  let copies: StoreOperation[] = [];
  for (const prefix of [utterancePrefix, featuresPrefix]) {
    for await (const [key, sealed] of store.entries(prefix)) {
      const id = key.slice(key.lastIndexOf("/") + 1);
      if (id.startsWith(mark)) continue;
      const to = key.slice(0, -id.length) + (await recordName(hashing, id));
      const plain = await cipher.open(sealed, key);
      const value = prefix === utterancePrefix ? withId(key, plain, id) : plain;
      copies.push({ type: "put", key: to, value: await cipher.seal(value, to) });
      named.push({ type: "delete", key });
      if (copies.length < copiedAtOnce) continue;
      await store.batch(copies);
      copies = [];
    }
  }
  if (named.length === 0) return;
  await store.batch(copies);
  await store.erase(named);
}

function withId(key: string, plain: Uint8Array, id: string): Uint8Array {
  return canonicalBytes({ ...parseRecord(key, plain, z.looseObject({ version: z.literal(1) })), version: 2, id });
}
