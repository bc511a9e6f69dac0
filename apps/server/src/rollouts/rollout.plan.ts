// What a rollout asks of a fleet and how far it has come. Pure: a snapshot in, a target and counts out.
import type { UpdateState } from "@attune/shared/contracts/current-state";

export interface RolloutSnapshot {
  readonly releaseSequence: number;
  readonly createdAt: Date;
}

export interface DeviceSnapshot {
  readonly revoked: boolean;
  /** When the server last heard of the device, by the server's own clock. */
  readonly lastSeenAt: Date | null;
  readonly releaseSequence: number;
  readonly state: UpdateState;
}

/** Where one device stands with one rollout. */
export type Standing = "committed" | "underway" | "waiting" | "rejected" | "failed";

export interface RolloutCounts extends Readonly<Record<Standing, number>> {
  /** All devices of the fleet that are not revoked: the denominator. */
  readonly devices: number;
}

const standingOfState: Readonly<Record<UpdateState, Standing>> = {
  idle: "waiting",
  downloading: "underway",
  verifying: "underway",
  testing: "underway",
  gating: "underway",
  // It runs what it has, and that is not yet this release.
  committed: "waiting",
  rejected: "rejected",
  failed: "failed",
  timedOut: "failed",
  rolledBack: "failed",
};

export function standing(rollout: RolloutSnapshot, device: DeviceSnapshot): Standing {
  if (device.releaseSequence === rollout.releaseSequence) return "committed";
  // What a device said before the rollout began is about another release.
  if (device.lastSeenAt === null || device.lastSeenAt < rollout.createdAt) return "waiting";
  return standingOfState[device.state];
}

/** Revoked devices count nowhere, neither above nor below the line. */
export function countStandings(rollout: RolloutSnapshot, devices: readonly DeviceSnapshot[]): RolloutCounts {
  const counts = { devices: 0, committed: 0, underway: 0, waiting: 0, rejected: 0, failed: 0 };
  for (const device of devices) {
    if (device.revoked) continue;
    counts.devices++;
    counts[standing(rollout, device)]++;
  }
  return counts;
}
