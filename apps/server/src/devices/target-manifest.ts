// Chooses the manifest that a device is offered of its release, by the version that the device reads.

import type { TargetState } from "@attune/shared/contracts/target-state";
import type { Device } from "../generated/prisma/client.js";

/** A release that a device should run, and its manifests by version. */
export interface FleetTarget {
  readonly sequence: number;
  readonly manifest1Sha256: string | null;
  readonly manifest2Sha256: string | null;
}

/** The latest release that a device was offered, and the version of its manifest. */
export interface Offered {
  readonly offeredSequence: number;
  readonly offeredManifest: number;
}

interface TargetManifest {
  readonly version: 1 | 2;
  readonly sha256: string;
}

/**
 * A device takes one manifest for a release's number, so the same manifest is offered again, whatever the device reads
 * by now. Null where the device reads no manifest of the release. The device then keeps its release.
 */
function manifestFor(target: FleetTarget, offered: Offered, newestRead: number): TargetManifest | null {
  const { sequence, manifest1Sha256, manifest2Sha256 } = target;
  const isOffered = offered.offeredSequence === sequence;
  const wantsSecond = isOffered ? offered.offeredManifest === 2 : newestRead >= 2;
  if (wantsSecond && manifest2Sha256 !== null) return { version: 2, sha256: manifest2Sha256 };
  return manifest1Sha256 === null ? null : { version: 1, sha256: manifest1Sha256 };
}

export interface OfferParts {
  readonly repository: { recordOffer(device: string, offered: Offered): Promise<void> };
  /** The release that a device should run; null before its first. An offer is recorded where the poll takes it. */
  readonly targetRelease: (
    device: Pick<Device, "id" | "fleetName" | "state">,
    poll: { readonly takesOffer: boolean; readonly reads: number; readonly atMs: number },
  ) => Promise<FleetTarget | null>;
}

interface PollForOffer {
  readonly manifestVersion: number;
  /**
   * Whether the poll is the device's own latest. Anyone may have replayed another poll, so another
   * poll changes no record.
   */
  readonly isLatest: boolean;
  readonly atMs: number;
}

/** The release in the answer to a poll. */
export async function offerRelease(
  { repository, targetRelease }: OfferParts,
  device: Device,
  { manifestVersion, isLatest, atMs }: PollForOffer,
): Promise<TargetState["release"]> {
  const target = await targetRelease(device, { takesOffer: isLatest, reads: manifestVersion, atMs });
  const manifest = target && manifestFor(target, device, manifestVersion);
  if (target === null || manifest === null) return null;
  const { sequence } = target;
  if (isLatest && device.offeredSequence !== sequence) {
    await repository.recordOffer(device.id, { offeredSequence: sequence, offeredManifest: manifest.version });
  }
  return { sequence, manifestSha256: manifest.sha256 };
}
