// The device's keys in a browser, made here and kept in IndexedDB. No program can extract them: a script of the page
// can use them and cannot read their bytes.

import { AppError } from "@attune/shared/errors";
import { answerOf, type WebDatabase } from "./database.js";

interface StoreKeys {
  readonly sealing: CryptoKey;
  readonly hashing: CryptoKey;
}

/** Reads the store's keys, or makes them the first time. The caller holds the lock of this home. */
export async function openStoreKeys(database: WebDatabase): Promise<StoreKeys> {
  const kept = await readKey<StoreKeys>(database, "store");
  if (kept !== undefined) return kept;
  const records = await database.read("records", (store) => answerOf(store.count()));
  if (records > 0) throw new AppError("STORE_CORRUPT", "the store's key is missing; without it nothing can be read");
  const keys = {
    sealing: await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
    hashing: await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
  };
  await writeKey(database, "store", keys);
  return keys;
}

type KeyName = "store" | "device";

export function readKey<T>(database: WebDatabase, name: KeyName): Promise<T | undefined> {
  return database.read("keys", (keys) => answerOf<T | undefined>(keys.get(name)));
}

export async function writeKey(database: WebDatabase, name: KeyName, key: unknown): Promise<void> {
  await database.write("keys", (keys) => answerOf(keys.put(key, name)));
}
