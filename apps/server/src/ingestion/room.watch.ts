// Logs that the disk or the stream will soon be full, early enough to act, and logs when there is room again.

import { statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@attune/platform/logger";
import { reportStream } from "@attune/shared/subjects";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";

export interface Room {
  readonly freeBytes: number;
  /** Less room than this is reported: there is still time to act. */
  readonly wantedBytes: number;
}

type Measure = () => Promise<Room>;

interface RoomWatchDeps {
  readonly rooms: Readonly<Record<"disk" | "stream", Measure>>;
  readonly log: Pick<Logger, "error" | "info">;
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
}

const advice = {
  disk: "free disk space: on a full disk no report is stored and PostgreSQL stops; devices keep their reports meanwhile",
  stream: "see why reports wait (ingestion.* in this log): a full stream refuses them; devices keep theirs meanwhile",
} as const;

/** The two limits differ, so that room which wavers about one limit is not reported repeatedly. */
function isShort(wasShort: boolean, { freeBytes, wantedBytes }: Room): boolean {
  return freeBytes < (wasShort ? 1.25 * wantedBytes : wantedBytes);
}

/** Measures at once and then at intervals, until the signal. */
export async function watchRoom({ rooms, log, signal, intervalMs = 15_000 }: RoomWatchDeps): Promise<void> {
  const short = { disk: false, stream: false };
  while (!signal.aborted) {
    for (const place of ["disk", "stream"] as const) {
      // A failed measurement is repeated at the next interval.
      const room = await rooms[place]().catch(() => undefined);
      if (room === undefined || isShort(short[place], room) === short[place]) continue;
      short[place] = !short[place];
      if (short[place]) log.error(`${place}.nearlyFull`, { ...room, remedy: advice[place] });
      else log.info(`${place}.roomAgain`, { ...room });
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

const gibibyte = 1024 ** 3;

/** A tenth of a small disk, a gibibyte of a large one. */
export function diskRoom(directory: string): Measure {
  return async () => {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { freeBytes: bavail * bsize, wantedBytes: Math.min(gibibyte, (blocks * bsize) / 10) };
  };
}

export function streamRoom(connection: NatsConnection): Measure {
  return async () => {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const { config, state } = await manager.streams.info(reportStream);
    return { freeBytes: config.max_bytes - state.bytes, wantedBytes: config.max_bytes / 5 };
  };
}
