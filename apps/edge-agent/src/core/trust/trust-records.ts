// The device's trust, on the disk: the keys by their roles, and the newest release that has passed every check here.

import { type Root, rootSchema } from "@attune/shared/trust/root";
import { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { putRecord, readRecord } from "../storage/records.js";
import { type Target, targetSchema } from "../update-state.js";

const rootKey = "root";
const highestKey = "trust";

const trustedRootSchema = z.strictObject({ version: z.literal(1), root: rootSchema });
const highestSchema = z.strictObject({ version: z.literal(1), highest: targetSchema });

export async function readRoot(store: Store): Promise<Root | undefined> {
  return (await readRecord(store, rootKey, trustedRootSchema))?.root;
}

export function putRoot(root: Root): StoreOperation {
  return putRecord(rootKey, { version: 1, root });
}

/** Null where no release has passed yet. */
export async function readHighest(store: Store): Promise<Target | null> {
  return (await readRecord(store, highestKey, highestSchema))?.highest ?? null;
}

export function putHighest(highest: Target): StoreOperation {
  return putRecord(highestKey, { version: 1, highest });
}
