// The fleet manager's side of devices: fleets, enrolment tokens, revocation and decommission.

import { randomBytes } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import type { EnrolmentTokens } from "@attune/shared/contracts/inventory";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { Author } from "../callers/roles.js";
import type { Fleet } from "../generated/prisma/client.js";
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
  readonly count: number;
  /** The tags that each of the tokens gives its device. */
  readonly tags: readonly string[];
}

export interface FleetService extends Pick<FleetRepository, "listFleets"> {
  /** Creating an existing fleet changes nothing. */
  createFleet(name: string, by: Author): Promise<Fleet>;
  /** All of the tokens or none. */
  createTokens(request: TokenRequest, by: Author): Promise<EnrolmentTokens>;
  /**
   * `dropped` says whether the broker has the revocation already. Otherwise the stored revocation is pushed once
   * the broker is back.
   */
  revoke(id: string, by: Author): Promise<{ readonly device: string; readonly dropped: boolean }>;
  /** Revokes the device and takes it out of the inventory. Its data stay for audits, and it never comes back. */
  decommission(id: string, by: Author): Promise<{ readonly device: string; readonly dropped: boolean }>;
  /**
   * Brings the broker's revocations in line with the database. False where the broker could not be reached; it is
   * updated once it is back.
   */
  reconcileRevocations(): Promise<boolean>;
}

export function createFleetService({ repository, credentials, signer, now }: FleetServiceDeps): FleetService {
  async function createTokens({ fleet, ttlMs, count, tags }: TokenRequest, by: Author): Promise<EnrolmentTokens> {
    if (!Number.isInteger(ttlMs) || ttlMs < minTokenLifeMs || ttlMs > maxTokenLifeMs) {
      throw new AppError("INVALID_INPUT", `ttlMs is not from ${minTokenLifeMs} to ${maxTokenLifeMs} ms (30 days)`);
    }
    const atMs = now();
    const expiresAt = new Date(atMs + ttlMs);
    const details = { count, tags: tags.join(","), expiresAt: expiresAt.toISOString() };
    const secrets = Array.from({ length: count }, () => randomBytes(tokenSecretBytes).toString("hex"));
    const stored = secrets.map((secret) => ({
      secretSha256: sha256(secret),
      fleetName: fleet,
      expiresAt,
      tags: [...tags],
    }));
    await repository.createTokens(stored, { by, action: "token.create", subject: fleet, details, atMs });
    const tokens = secrets.map((secret) => formatToken(signer.fingerprint, secret));
    return { token: tokens[0]!, tokens, tags: [...tags], expiresAt: expiresAt.toISOString() };
  }

  async function revoke(id: string, by: Author) {
    const change = { by, action: "device.revoke", subject: id, atMs: now() };
    if (!(await repository.revoke(id, change))) throw new AppError("NOT_FOUND", `there is no device ${id}`);
    return { device: id, dropped: await reconcileRevocations() };
  }

  async function decommission(id: string, by: Author) {
    const change = { by, action: "device.decommission", subject: id, atMs: now() };
    if (!(await repository.decommission(id, change))) throw new AppError("NOT_FOUND", `there is no device ${id}`);
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

  return {
    createFleet: (name, by) => repository.createFleet(name, { by, action: "fleet.create", subject: name, atMs: now() }),
    listFleets: repository.listFleets,
    createTokens,
    revoke,
    decommission,
    reconcileRevocations,
  };
}
