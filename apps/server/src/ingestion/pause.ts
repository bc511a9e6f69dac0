// The wait between a failed attempt at the broker or the database and the next attempt.
import { setTimeout as sleep } from "node:timers/promises";

const longestPauseMs = 5_000;

/** The wait doubles with every failure up to a limit. Its jitter keeps many servers from coming back at the same moment. */
export async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longestMs = Math.min(longestPauseMs, 50 * 2 ** Math.min(failures, 10));
  await sleep(longestMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
}
