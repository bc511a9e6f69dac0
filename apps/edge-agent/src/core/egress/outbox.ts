// The outbox: reports that wait for the broker, under keys in the order of their sequence. Nothing queued is ever dropped.

import { type ReportType, safeParseReport } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";
import { parseJson } from "../parse-json.js";
import type { Cleared, Store, StoreOperation } from "../ports.js";
import { gate } from "./gate.js";

const prefix = "outbox/";

const keyOf = (sequence: number): string => `${prefix}${String(sequence).padStart(16, "0")}`;

export function enqueueReport(cleared: Cleared<ReportType>): StoreOperation {
  return { type: "put", key: keyOf(cleared.message.sequence), value: cleared.bytes };
}

export function dequeueReport(sequence: number): StoreOperation {
  return { type: "delete", key: keyOf(sequence) };
}

export async function countWaiting(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.entries(prefix)) count++;
  return count;
}

/** Up to `limit` of the oldest reports, byte for byte as they were queued: a resend is the same message. */
export async function oldestWaiting(store: Store, limit: number): Promise<Cleared<ReportType>[]> {
  const waiting: Cleared<ReportType>[] = [];
  for await (const [key, bytes] of store.entries(prefix)) {
    if (waiting.length >= limit) break;
    waiting.push(reopen(key, bytes));
  }
  return waiting;
}

function reopen(key: string, bytes: Uint8Array): Cleared<ReportType> {
  const json = parseJson(bytes);
  if (!json.ok) throw new AppError("STORE_CORRUPT", `the queued report ${key} is not JSON`);
  const parsed = safeParseReport(json.value);
  if (!parsed.success) throw new AppError("STORE_CORRUPT", `the queued report ${key} is malformed`);
  const cleared = gate(parsed.data.type, parsed.data);
  if (!cleared.ok) throw new AppError("STORE_CORRUPT", `the queued report ${key} is not allowed: ${cleared.detail}`);
  return cleared.value;
}
