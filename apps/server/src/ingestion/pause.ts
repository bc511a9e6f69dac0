// The wait between a failed attempt at the broker or the database and the next attempt.

import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "@attune/shared/backoff";

const range = { minMs: 100, maxMs: 5_000 };

/** Ends early, and without a fault, when the signal aborts. */
export async function pause(failures: number, signal: AbortSignal): Promise<void> {
  await sleep(backoffMs(failures, range), undefined, { signal }).catch(() => undefined);
}
