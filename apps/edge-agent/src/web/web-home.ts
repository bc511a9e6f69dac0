// All that the agent keeps in this browser, behind the lock that one tab holds.

import type { Ports } from "../core/ports.js";
import { openWebDatabase, type WebDatabase } from "./database.js";
import { createIndexedFiles } from "./indexed-files.js";
import { createIndexedStore } from "./indexed-store.js";
import { lockTab } from "./tab-lock.js";
import { createWebCipher } from "./web-cipher.js";
import { createWebDeviceKey, type WebDeviceKey } from "./web-device-key.js";
import { createWebHashing } from "./web-hashing.js";
import { openStoreKeys } from "./web-keys.js";

interface WebHome extends Pick<Ports, "store" | "files" | "cipher" | "hashing"> {
  readonly deviceKey: WebDeviceKey;
  close(): void;
}

/** `name` is the database's and the lock's. Throws HOME_IN_USE, STORE_CORRUPT, DISK_FULL or CONFLICT. */
export async function openWebHome(name: string): Promise<WebHome> {
  const lock = await lockTab(name);
  let database: WebDatabase | undefined;
  const close = () => {
    database?.close();
    lock.release();
  };
  try {
    database = await openWebDatabase(name);
    const { sealing, hashing } = await openStoreKeys(database);
    return {
      store: createIndexedStore(database),
      files: createIndexedFiles(database),
      cipher: createWebCipher(sealing),
      hashing: createWebHashing(hashing),
      deviceKey: createWebDeviceKey(database),
      close,
    };
  } catch (cause) {
    close();
    throw cause;
  }
}
