// Counts the devices of a rollout by what they have said last: a snapshot in, counts out. Pure.

import { type UpdateState, updateStates, type Verdict, verdicts } from "@attune/shared/contracts/current-state";

interface RolloutSnapshot {
  readonly releaseSequence: number;
  readonly createdAt: Date;
}

/** `unknown`: the device leaves its state out, because the field's last day is over. */
export const polledStates = [...updateStates, "unknown"] as const;
export type PolledState = UpdateState | "unknown";

export interface DeviceSnapshot {
  readonly revoked: boolean;
  /** The time of the device's last poll, by the server's own clock. */
  readonly lastSeenAt: Date | null;
  readonly releaseSequence: number;
  readonly state: PolledState;
  /** The verdict on the rollout's release that the device has reported. */
  readonly verdict?: Verdict | undefined;
}

/** The state of one device within one rollout. */
export type RolloutStanding = "committed" | "underway" | "waiting" | "rejected" | "failed";

export interface RolloutCounts extends Readonly<Record<RolloutStanding, number>> {
  /** The number of the fleet's devices that are not revoked: the denominator. */
  readonly devices: number;
}

const standingOfState: Readonly<Record<PolledState, RolloutStanding>> = {
  unknown: "waiting",
  idle: "waiting",
  downloading: "underway",
  verifying: "underway",
  testing: "underway",
  gating: "underway",
  // The device is committed to another release than this one.
  committed: "waiting",
  rejected: "rejected",
  failed: "failed",
  timedOut: "failed",
  rolledBack: "failed",
};

export function standing(rollout: RolloutSnapshot, device: DeviceSnapshot): RolloutStanding {
  if (device.releaseSequence === rollout.releaseSequence) return "committed";
  const polled = standingOfPoll(rollout, device);
  // A release that failed after its verdict, as a rollback does, is not committed any more.
  if (device.verdict === undefined || polled === "failed") return polled;
  return device.verdict === "worse" ? "rejected" : "committed";
}

function standingOfPoll(rollout: RolloutSnapshot, { lastSeenAt, state }: DeviceSnapshot): RolloutStanding {
  // A device's state from before the rollout is about another release.
  return lastSeenAt === null || lastSeenAt < rollout.createdAt ? "waiting" : standingOfState[state];
}

/** Revoked devices count neither in the numerators nor in the denominator. */
export function countStandings(rollout: RolloutSnapshot, devices: readonly DeviceSnapshot[]): RolloutCounts {
  const counts = { devices: 0, committed: 0, underway: 0, waiting: 0, rejected: 0, failed: 0 };
  for (const device of devices) {
    if (device.revoked) continue;
    counts.devices++;
    counts[standing(rollout, device)]++;
  }
  return counts;
}

/**
 * The number of devices by their verdict, without revoked devices. A verdict is always a count here, never the
 * word of a device.
 */
export function countVerdicts(devices: readonly DeviceSnapshot[]): Readonly<Record<Verdict, number>> {
  const present = devices.filter(({ revoked }) => !revoked);
  const countOf = (word: Verdict) => present.filter(({ verdict }) => verdict === word).length;
  return Object.fromEntries(verdicts.map((word) => [word, countOf(word)])) as Record<Verdict, number>;
}
