// The store port in memory. Batches are atomic: a kill falls before or after a batch, never into it.

import type { Store } from "@attune/edge-agent/core/ports";
import type { Faults } from "./faults.js";

export interface MemoryStore extends Store {
  readonly contents: Map<string, Uint8Array>;
}

export function createMemoryStore(faults: Faults): MemoryStore {
  const contents = new Map<string, Uint8Array>();
  const batch: Store["batch"] = async (operations) => {
    faults.step(() => {
      for (const operation of operations) {
        if (operation.type === "put") contents.set(operation.key, operation.value.slice());
        else contents.delete(operation.key);
      }
    });
  };
  return {
    contents,
    batch,
    erase: batch,
    async get(key) {
      faults.check();
      return contents.get(key)?.slice();
    },
    async *entries(prefix) {
      faults.check();
      const keys = [...contents.keys()].filter((key) => key.startsWith(prefix)).sort();
      for (const key of keys) yield [key, contents.get(key)!.slice()] as const;
    },
  };
}
