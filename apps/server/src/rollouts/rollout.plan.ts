// Computes a fleet's target and a rollout's progress. Pure: a snapshot in, a target and counts out.
import type { UpdateState } from "@attune/shared/contracts/current-state";

export interface RolloutSnapshot {
  readonly releaseSequence: number;
  readonly createdAt: Date;
}

export interface DeviceSnapshot {
  readonly revoked: boolean;
  /** The time of the device's last poll, by the server's own clock. */
  readonly lastSeenAt: Date | null;
  readonly releaseSequence: number;
  readonly state: UpdateState;
}

/** The state of one device within one rollout. */
export type RolloutStanding = "committed" | "underway" | "waiting" | "rejected" | "failed";

export interface RolloutCounts extends Readonly<Record<RolloutStanding, number>> {
  /** The number of the fleet's devices that are not revoked: the denominator. */
  readonly devices: number;
}

const standingOfState: Readonly<Record<UpdateState, RolloutStanding>> = {
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
  // A device's state from before the rollout is about another release.
  if (device.lastSeenAt === null || device.lastSeenAt < rollout.createdAt) return "waiting";
  return standingOfState[device.state];
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
