// The fleet manager's side of devices: fleets, enrolment tokens, the list of devices, and revocation.

import { randomBytes } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { Author } from "../callers/roles.js";
import type { Device, Fleet } from "../generated/prisma/client.js";
import type { NatsCredentials } from "../platform/nats/nats-credentials.js";
import type { ReleaseSigner } from "../signing/sign.js";
import { lifeMs } from "./credential-renewal.js";
import { formatToken, maxTokenLifeMs, minTokenLifeMs, tokenSecretBytes } from "./enrolment.js";
import type { FleetRepository } from "./fleet.repository.js";

interface FleetServiceDeps {
  readonly repository: FleetRepository;
  readonly credentials: Pick<NatsCredentials, "revoke">;
  /** A token pins the release keys. */
  readonly signer: Pick<ReleaseSigner, "fingerprint">;
  readonly now: () => number;
}

/** Covers a JWT that was signed while its device was revoked. */
const toleranceMs = dayMs;

interface TokenRequest {
  readonly fleet: string;
  readonly ttlMs: number;
}

/** A device as the fleet manager sees it, without the fields that only polls need. */
type ListedDevice = Omit<Device, "fleetName" | "nkey" | "pollSequence" | "targetNumber" | "prefixedPolls"> & {
  readonly fleet: string;
};

export interface FleetService extends Pick<FleetRepository, "listFleets"> {
  /** Creating an existing fleet changes nothing. */
  createFleet(name: string, by: Author): Promise<Fleet>;
  createToken(request: TokenRequest, by: Author): Promise<{ readonly token: string; readonly expiresAt: string }>;
  listDevices(fleet?: string): Promise<ListedDevice[]>;
  /**
   * `dropped` says whether the broker has the revocation already. Otherwise the stored revocation is pushed once
   * the broker is back.
   */
  revoke(id: string, by: Author): Promise<{ readonly device: string; readonly dropped: boolean }>;
  /**
   * Brings the broker's revocations in line with the database. False where the broker could not be reached; it is
   * updated once it is back.
   */
  reconcileRevocations(): Promise<boolean>;
}

export function createFleetService({ repository, credentials, signer, now }: FleetServiceDeps): FleetService {
  async function createToken({ fleet, ttlMs }: TokenRequest, by: Author) {
    if (!Number.isInteger(ttlMs) || ttlMs < minTokenLifeMs || ttlMs > maxTokenLifeMs) {
      throw new AppError("INVALID_INPUT", `ttlMs is not from ${minTokenLifeMs} to ${maxTokenLifeMs} ms (30 days)`);
    }
    const secret = randomBytes(tokenSecretBytes).toString("hex");
    const atMs = now();
    const expiresAt = new Date(atMs + ttlMs);
    const details = { expiresAt: expiresAt.toISOString() };
    const change = { by, action: "token.create", subject: fleet, details, atMs };
    await repository.createToken({ secretSha256: sha256(secret), fleetName: fleet, expiresAt }, change);
    return { token: formatToken(signer.fingerprint, secret), expiresAt: expiresAt.toISOString() };
  }

  async function revoke(id: string, by: Author) {
    const change = { by, action: "device.revoke", subject: id, atMs: now() };
    if (!(await repository.revoke(id, change))) throw new AppError("NOT_FOUND", `there is no device ${id}`);
    return { device: id, dropped: await reconcileRevocations() };
  }

  async function reconcileRevocations(): Promise<boolean> {
    try {
      await credentials.revoke(await repository.revokedKeys(new Date(now() - lifeMs - toleranceMs)));
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === "NATS_UNAVAILABLE") return false;
      throw error;
    }
  }

  async function listDevices(fleet?: string) {
    return (await repository.listDevices(fleet)).map(describeDevice);
  }

  return {
    createFleet: (name, by) => repository.createFleet(name, { by, action: "fleet.create", subject: name, atMs: now() }),
    listFleets: repository.listFleets,
    createToken,
    listDevices,
    revoke,
    reconcileRevocations,
  };
}

function describeDevice(stored: Device): ListedDevice {
  const { fleetName, nkey, pollSequence, targetNumber, prefixedPolls, ...device } = stored;
  return { ...device, fleet: fleetName };
}
