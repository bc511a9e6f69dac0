// The outbox: reports that wait for the broker, in the order in which they were journalled. Nothing
// queued is ever dropped.

import type { Contracts } from "@attune/shared/contracts/egress";
import { judgeReport, type ReportType } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";
import type { Cleared, Store, StoreOperation } from "../ports.js";
import { numberedKey } from "../storage/numbered-key.js";
import { parseJson } from "../storage/parse-json.js";
import { clearedBefore } from "./cleared.js";
import { type Gated, pack } from "./gate.js";

const prefix = "outbox/";

/**
 * A sequence begins anew with each epoch. An entry's place in the journal does not, and is above any sequence that
 * was a key once.
 */
const keyOf = (entry: number): string => numberedKey(prefix, entry);

export interface WaitingReport {
  readonly key: string;
  readonly cleared: Cleared<ReportType>;
}

/** `entry`: the place of its journal entry, which is written in the same batch. */
export function enqueueReport(report: Gated<ReportType>, entry: number): StoreOperation {
  return { type: "put", key: keyOf(entry), value: report.bytes };
}

export function dequeueReport({ key }: WaitingReport): StoreOperation {
  return { type: "delete", key };
}

export async function countWaiting(store: Store): Promise<number> {
  let count = 0;
  for await (const _ of store.entries(prefix)) count++;
  return count;
}

/**
 * Up to `limit` of the oldest reports, each in the version of the contract that it was journalled in. Each keeps its
 * journalled bytes, so that a resend is the same message.
 */
export async function oldestWaiting(store: Store, contracts: Contracts, limit: number): Promise<WaitingReport[]> {
  const waiting: WaitingReport[] = [];
  for await (const [key, bytes] of store.entries(prefix)) {
    if (waiting.length >= limit) break;
    waiting.push({ key, cleared: reopen(contracts, key, bytes) });
  }
  return waiting;
}

function reopen(contracts: Contracts, key: string, bytes: Uint8Array): Cleared<ReportType> {
  const json = parseJson(bytes);
  if (!json.ok) throw new AppError("STORE_CORRUPT", `the queued report ${key} is not JSON`);
  const judged = judgeReport(contracts, json.value);
  if (!judged.ok) throw new AppError("STORE_CORRUPT", `the queued report ${key} is not in the egress contract`);
  const gated = pack(contracts, judged.value.type, judged.value);
  if (!gated.ok) throw new AppError("STORE_CORRUPT", `the queued report ${key} is not allowed: ${gated.detail}`);
  if (!sameBytes(gated.value.bytes, bytes)) {
    throw new AppError("STORE_CORRUPT", `the queued report ${key} is not written as it was journalled`);
  }
  return clearedBefore(gated.value);
}

function sameBytes(x: Uint8Array, y: Uint8Array): boolean {
  return x.length === y.length && x.every((byte, i) => byte === y[i]);
}
