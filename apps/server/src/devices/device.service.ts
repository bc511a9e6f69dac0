// Enrolment, polls and revocation: who a device is, what it says of itself, and what it is told.
import { createHash, randomBytes } from "node:crypto";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { egressContractVersion, type Message, messageSchema } from "@attune/shared/contracts/egress";
import type { EnrolmentReply } from "@attune/shared/contracts/enrolment";
import type { SignedPoll, TargetState } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import type { TrustedKeys } from "@attune/shared/signature";
import { fromPublic } from "@nats-io/nkeys";
import type { NatsCredentials } from "../platform/nats-credentials.js";
import { describeIssues } from "../trpc.js";
import { createRenewals } from "./credential-renewal.js";
import type { DeviceRepository } from "./device.repository.js";
import { formatToken, maximumTokenLifeMs, minimumTokenLifeMs, tokenSecretBytes } from "./enrolment.js";

export interface DeviceServiceDeps {
  readonly repository: DeviceRepository;
  readonly credentials: Pick<NatsCredentials, "createDeviceJwt" | "revoke">;
  readonly releaseKeys: { readonly trustedKeys: TrustedKeys; readonly fingerprint: string };
  /** The release that a fleet's devices should run; null before its first rollout. */
  readonly targetRelease: (fleet: string) => Promise<TargetState["release"]>;
  /** Where devices reach the broker. */
  readonly natsUrls: () => readonly string[];
  readonly pollIntervalMs: number;
  readonly now: () => number;
}

export type DeviceService = ReturnType<typeof createDeviceService>;

export function createDeviceService(deps: DeviceServiceDeps) {
  const { repository, credentials, releaseKeys, now } = deps;
  const renewals = createRenewals(credentials, now);

  async function natsFor(device: { id: string; fleetName: string; nkey: string }): Promise<TargetState["nats"]> {
    const userJwt = await renewals.currentJwt({
      nkeyPublic: device.nkey,
      fleet: device.fleetName,
      device: device.id,
    });
    return { urls: [...deps.natsUrls()], userJwt };
  }

  async function createToken({ fleet, ttlMs }: { fleet: string; ttlMs: number }) {
    if (!Number.isInteger(ttlMs) || ttlMs < minimumTokenLifeMs || ttlMs > maximumTokenLifeMs) {
      throw new AppError(
        "INVALID_INPUT",
        `ttlMs is not from ${minimumTokenLifeMs} to ${maximumTokenLifeMs} ms (30 days)`,
      );
    }
    const secret = randomBytes(tokenSecretBytes).toString("hex");
    const expiresAt = new Date(now() + ttlMs);
    await repository.createToken({ secretSha256: hashSecret(secret), fleetName: fleet, expiresAt });
    return { token: formatToken(releaseKeys.fingerprint, secret), expiresAt: expiresAt.toISOString() };
  }

  async function enrol(value: unknown): Promise<EnrolmentReply> {
    const message = parseMessage("enrol", value);
    assertNkey(message.nkey);
    const device = await repository.enrol({
      message,
      secretSha256: hashSecret(message.token),
      newDevice: randomBytes(16).toString("hex"),
      nowMs: now(),
    });
    return {
      version: 1,
      device: device.id,
      fleet: device.fleetName,
      releaseKeys: releaseKeys.trustedKeys,
      egressContractVersion,
      nats: await natsFor(device),
    };
  }

  async function poll({ message: value, signature }: SignedPoll): Promise<TargetState> {
    const message = parseMessage("poll", value);
    const device = await repository.findDevice(message.device);
    // One answer to a stranger, a revoked device and a forger: none of them learns which of them it is taken for.
    const genuine =
      device !== null && device.revokedAt === null && verifyNkey(device.nkey, canonicalBytes(message), signature);
    if (!genuine) throw new AppError("UNAUTHORIZED", "the poll is not that of a device enrolled here");
    if (device.epoch !== message.epoch) {
      throw new AppError("UNAUTHORIZED", "epoch: the device was enrolled with another copy of its store");
    }
    await repository.recordPoll(message, new Date(now()));
    return {
      version: 1,
      device: device.id,
      release: await deps.targetRelease(device.fleetName),
      nats: await natsFor(device),
      pollIntervalMs: deps.pollIntervalMs,
    };
  }

  /** `dropped`: the broker knows already; otherwise it learns it as soon as it is back, for the revocation is stored. */
  async function revoke(id: string): Promise<{ device: string; dropped: boolean }> {
    const device = await repository.findDevice(id);
    if (device === null) throw new AppError("NOT_FOUND", `there is no device ${id}`);
    await repository.revoke(id, new Date(now()));
    try {
      await credentials.revoke(device.nkey);
      return { device: id, dropped: true };
    } catch (error) {
      if (error instanceof AppError && error.code === "NATS_UNAVAILABLE") return { device: id, dropped: false };
      throw error;
    }
  }

  async function listDevices(fleet?: string) {
    return (await repository.listDevices(fleet)).map(
      ({
        fleetName,
        nkey: _key,
        pollSequence: _sequence,
        targetNumber: _number,
        prefixedPolls: _prefixed,
        ...device
      }) => ({
        ...device,
        fleet: fleetName,
      }),
    );
  }

  return {
    createFleet: repository.createFleet,
    listFleets: repository.listFleets,
    createToken,
    enrol,
    poll,
    revoke,
    listDevices,
  };
}

function parseMessage<T extends "enrol" | "poll">(type: T, value: unknown): Message<T> {
  const parsed = messageSchema(type).safeParse(value);
  if (!parsed.success) throw new AppError("INVALID_INPUT", `${type}: ${describeIssues(parsed.error)}`);
  return parsed.data;
}

function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function assertNkey(nkey: string): void {
  try {
    fromPublic(nkey);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", "nkey: its checksum is wrong", { cause });
  }
}

function verifyNkey(nkey: string, message: Uint8Array, signature: string): boolean {
  try {
    return fromPublic(nkey).verify(message, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}
