// Small JSON records in the store: written as canonical JSON, parsed strictly when read back.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { AppError } from "@attune/shared/errors";
import type { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { parseJson } from "./parse-json.js";

export async function readRecord<T>(store: Store, key: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : parseRecord(key, bytes, schema);
}

/** Throws STORE_CORRUPT naming the key; what the record holds is never quoted. */
export function parseRecord<T>(key: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const json = parseJson(bytes);
  if (!json.ok) throw new AppError("STORE_CORRUPT", `the record ${key} is not JSON`);
  const parsed = schema.safeParse(json.value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") || "(whole)";
    throw new AppError("STORE_CORRUPT", `the record ${key} is malformed at ${field}`);
  }
  return parsed.data;
}

export function putRecord(key: string, value: unknown): StoreOperation {
  return { type: "put", key, value: canonicalBytes(value) };
}

/** A record without content: its presence says everything. */
export function putMark(key: string): StoreOperation {
  return { type: "put", key, value: new Uint8Array([1]) };
}
