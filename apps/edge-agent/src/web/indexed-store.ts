// The store on IndexedDB. Keys are kept as UTF-8 bytes, which IndexedDB compares as LevelDB does, so that entries
// come in the same order on every device.

import { utf8 } from "@attune/shared/encoding";
import type { Store } from "../core/ports.js";
import { answerOf, type WebDatabase } from "./database.js";

const pageEntries = 128;
/** No byte of UTF-8 is as high. */
const afterUtf8 = 0xff;

/**
 * `erase` is a batch, because a program cannot make a browser overwrite what was deleted. The core seals these bytes,
 * and they leave the disk when the browser compacts its files.
 */
export function createIndexedStore(database: WebDatabase): Store {
  const batch: Store["batch"] = async (operations) => {
    await database.write("records", async (records) => {
      for (const operation of operations) {
        // A view would be stored with all of its buffer.
        if (operation.type === "put") records.put(new Uint8Array(operation.value), utf8(operation.key));
        else records.delete(utf8(operation.key));
      }
    });
  };
  return {
    get: (key) => database.read("records", (records) => answerOf(records.get(utf8(key)))),
    batch,
    erase: batch,
    async *entries(prefix) {
      const first = utf8(prefix);
      const end = new Uint8Array([...first, afterUtf8]);
      for (let lower = first, isOpen = false; ; isOpen = true) {
        const range = IDBKeyRange.bound(lower, end, isOpen, true);
        const [keys, values] = await database.read("records", (records) =>
          Promise.all([
            answerOf(records.getAllKeys(range, pageEntries)),
            answerOf<Uint8Array[]>(records.getAll(range, pageEntries)),
          ]),
        );
        for (const [i, key] of keys.entries()) yield [new TextDecoder().decode(key as ArrayBuffer), values[i]!];
        if (keys.length < pageEntries) return;
        lower = new Uint8Array(keys.at(-1) as ArrayBuffer);
      }
    },
  };
}
