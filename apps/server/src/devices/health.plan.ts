// Judges a device by its latest poll, offer and epochs: online, stale or stuck, and perhaps copied. Pure.

import type { DeviceHealth } from "@attune/shared/contracts/inventory-words";
import { dayMs } from "@attune/shared/time";

interface Watched {
  readonly lastSeenAt: Date | null;
  readonly releaseSequence: number;
  readonly state: string;
  readonly offeredSequence: number;
  readonly offeredAt: Date | null;
}

interface HealthNow {
  readonly nowMs: number;
  readonly pollIntervalMs: number;
}

/** A device that fails to reach its server for an hour polls once in five minutes at the longest. */
const minStaleMs = 10 * 60_000;
const missedPolls = 3;
const stuckMs = dayMs;

/** A device that rejected its release has decided, and is not stuck. */
export function healthOf(device: Watched, { nowMs, pollIntervalMs }: HealthNow): DeviceHealth {
  const { lastSeenAt, offeredAt, offeredSequence, releaseSequence, state } = device;
  const staleMs = Math.max(minStaleMs, missedPolls * pollIntervalMs);
  if (lastSeenAt === null || nowMs - lastSeenAt.getTime() > staleMs) return "stale";
  const isBehind = offeredSequence > releaseSequence && state !== "rejected";
  if (isBehind && offeredAt !== null && nowMs - offeredAt.getTime() > stuckMs) return "stuck";
  return "online";
}

/** Restoring a device from a backup begins one epoch. Two copies that poll in turns begin one after the other. */
const maxRestoresPerDay = 2;

/** The signs of two copies within the latest day: their epochs displace each other, or their reports contradict. */
export function looksCopied(signs: { readonly epochsBegun: number; readonly conflicts: number }): boolean {
  return signs.epochsBegun > maxRestoresPerDay || signs.conflicts > 0;
}
