// The outbox: reports that wait for the broker, in the order in which they were journalled. Nothing queued is ever dropped.

import { type ReportType, safeParseReport } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";
import { parseJson } from "../parse-json.js";
import type { Cleared, Store, StoreOperation } from "../ports.js";
import { gate } from "./gate.js";

const prefix = "outbox/";

/** A sequence begins anew with each epoch; an entry's place in the journal does not, and is above any sequence that was a key once. */
const keyOf = (entry: number): string => `${prefix}${String(entry).padStart(16, "0")}`;

export interface WaitingReport {
  readonly key: string;
  readonly cleared: Cleared<ReportType>;
}

export function enqueueReport(cleared: Cleared<ReportType>, entry: number): StoreOperation {
  return { type: "put", key: keyOf(entry), value: cleared.bytes };
}

export function dequeueReport({ key }: WaitingReport): StoreOperation {
  return { type: "delete", key };
}

export async function countWaiting(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.entries(prefix)) count++;
  return count;
}

/** Up to `limit` of the oldest reports, byte for byte as they were queued: a resend is the same message. */
export async function oldestWaiting(store: Store, limit: number): Promise<WaitingReport[]> {
  const waiting: WaitingReport[] = [];
  for await (const [key, bytes] of store.entries(prefix)) {
    if (waiting.length >= limit) break;
    waiting.push({ key, cleared: reopen(key, bytes) });
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
