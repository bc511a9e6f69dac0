// What a genuine poll means, by its epoch and sequence: the device's latest word, a copy's, or none that can be. Pure.

export interface Poller {
  /** The device's latest epoch, and the highest sequence polled under it. */
  readonly epoch: string;
  readonly pollSequence: number;
  readonly enrolledAt: Date;
  readonly lastSeenAt: Date | null;
}

/**
 * - `ahead`: the device's latest word
 * - `behind`: said before, or by a copy of the store as it was earlier
 * - `impossible`: more polls than a device can have made since the last one
 * - `anotherEpoch`: of an epoch that is not the device's latest
 */
export type Standing = "ahead" | "behind" | "impossible" | "anotherEpoch";

export function standingOf(poll: { epoch: string; sequence: number }, device: Poller, nowMs: number): Standing {
  if (poll.epoch !== device.epoch) return "anotherEpoch";
  if (poll.sequence <= device.pollSequence) return "behind";
  const sinceMs = nowMs - (device.lastSeenAt ?? device.enrolledAt).getTime();
  return poll.sequence - device.pollSequence > mostPolls(sinceMs) ? "impossible" : "ahead";
}

/**
 * More polls than an honest device can make in `sinceMs`. It makes at most one in 90 ms while it is answered, at most one in
 * 250 ms while it is not, and one in 150 to 300 s after an hour of that. Where this server's clock was set back, the allowance alone
 * lasts a device that is offline for five years.
 */
export function mostPolls(sinceMs: number): number {
  return allowance + Math.max(0, sinceMs) / shortestPauseMs;
}

const allowance = 2 ** 20;
const shortestPauseMs = 50;

/** A device begins an epoch when its store was restored. Two copies that run side by side would begin them without end. */
export const epochsPerDay = 8;
