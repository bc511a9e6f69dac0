// Judges a genuine poll by its epoch and sequence: the device's latest, a copy's, or an impossible one. Pure.

export interface Poller {
  /** The device's latest epoch, and the highest sequence polled under it. */
  readonly epoch: string;
  readonly pollSequence: number;
  readonly enrolledAt: Date;
  readonly lastSeenAt: Date | null;
}

/**
 * `ahead`: the device's latest poll.
 * `behind`: sent before, or sent by a device whose store is an earlier copy.
 * `impossible`: numbered beyond the polls that a device can have made since the last one.
 * `anotherEpoch`: from an epoch that is not the device's latest.
 */
type PollStanding = "ahead" | "behind" | "impossible" | "anotherEpoch";

export function standingOf(poll: { epoch: string; sequence: number }, device: Poller, nowMs: number): PollStanding {
  if (poll.epoch !== device.epoch) return "anotherEpoch";
  if (poll.sequence <= device.pollSequence) return "behind";
  const sinceMs = nowMs - (device.lastSeenAt ?? device.enrolledAt).getTime();
  return poll.sequence - device.pollSequence > maxPolls(sinceMs) ? "impossible" : "ahead";
}

/**
 * An upper bound of the polls that a genuine device makes in `sinceMs`. An answered device polls at most once in 90 ms.
 * An unanswered device polls at most once in 250 ms, and once in 150 to 300 s after an hour. If this server's clock was
 * set back, the allowance alone lasts a device that is offline for five years.
 */
export function maxPolls(sinceMs: number): number {
  return allowance + Math.max(0, sinceMs) / minPauseMs;
}

const allowance = 2 ** 20;
const minPauseMs = 50;

/**
 * The limit of new epochs a day. A device begins an epoch when its store was restored. Two copies that run side by side
 * would begin epochs without end.
 */
export const epochsPerDay = 8;
