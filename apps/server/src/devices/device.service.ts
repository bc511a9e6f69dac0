// The server's answers to devices: enrolment and polls. A device reports its identity and state, and receives its target.

import { randomBytes } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { type Contracts, firstContract, type Message, signedBytes } from "@attune/shared/contracts/egress";
import type { EnrolmentReply, SignedEnrolment } from "@attune/shared/contracts/enrolment";
import type { Poll, SignedTarget, TargetState } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import type { SignedEnvelope } from "@attune/shared/trust/signed";
import { fromPublic } from "@nats-io/nkeys";
import type { Device } from "../generated/prisma/client.js";
import { describeIssues } from "../platform/describe-issues.js";
import type { NatsCredentials } from "../platform/nats/nats-credentials.js";
import { verifyNkey } from "../platform/nats/nkey-signatures.js";
import type { ReleaseSigner } from "../signing/sign.js";
import { createRenewals } from "./credential-renewal.js";
import type { DeviceRepository } from "./device.repository.js";
import { type Poller, standingOf } from "./poll.plan.js";
import { type OfferParts, offerRelease } from "./target-manifest.js";

export interface DeviceServiceDeps extends Pick<OfferParts, "targetRelease"> {
  readonly repository: DeviceRepository;
  readonly credentials: Pick<NatsCredentials, "createDeviceJwt">;
  /** The release keys, which sign targets as they sign releases. */
  readonly signer: ReleaseSigner;
  /** The broker's addresses for a device that has reached this server as `host`. */
  readonly natsUrls: (host: string | undefined) => readonly string[];
  readonly pollIntervalMs: number;
  /** The versions of the egress contract that this server takes. */
  readonly contracts: Contracts;
  readonly now: () => number;
}

/** The time for which a device may take a target for the server's latest; longer than the outage of a long weekend. */
const targetLifeMs = 7 * 86_400_000;

/** How a request arrived: the name or address of this server that it used, and the newest manifest version that the device reads. */
export interface Arrival {
  readonly host?: string | undefined;
  readonly manifestVersion: number;
}

type Caller = Device & Arrival;

export type DeviceService = ReturnType<typeof createDeviceService>;

export function createDeviceService(deps: DeviceServiceDeps) {
  const { repository, credentials, signer, contracts, now } = deps;
  const renewals = createRenewals({ credentials, isRevoked: repository.isRevoked, now });

  /** The bytes of a message that the device's key has signed. */
  function signed(message: Message<"enrol" | "poll">): Uint8Array {
    return signedBytes(contracts.declaration(message.contract, message.type)!, canonicalBytes(message));
  }

  async function natsFor(device: Caller): Promise<TargetState["nats"]> {
    const userJwt = await renewals.currentJwt({
      nkeyPublic: device.nkey,
      fleet: device.fleetName,
      device: device.id,
    });
    return { urls: [...deps.natsUrls(device.host)], userJwt };
  }

  async function enrol({ message: value, proof }: SignedEnrolment, host?: string): Promise<EnrolmentReply> {
    const message = parseMessage(contracts, "enrol", value);
    assertNkey(message.nkey);
    if (proof === undefined) {
      throw new AppError("INVALID_INPUT", "proof is missing; this agent is too old to enrol here, so update it first");
    }
    if (!verifyNkey(message.nkey, signed(message), proof)) {
      throw new AppError("UNAUTHORIZED", "proof: the enrolment was not signed with its own key");
    }
    const device = await repository.enrol({
      message,
      secretSha256: sha256(message.token),
      newDevice: randomBytes(16).toString("hex"),
      nowMs: now(),
    });
    return {
      version: 1,
      device: device.id,
      fleet: device.fleetName,
      releaseKeys: signer.trustedKeys,
      // The version that the device has spoken: it agreed to no other version.
      egressContractVersion: message.contract,
      nats: await natsFor({ ...device, host, manifestVersion: 1 }),
    };
  }

  async function poll(input: Poll, arrival: Arrival = { manifestVersion: 1 }): Promise<TargetState | SignedEnvelope> {
    const message = parseMessage(contracts, "poll", input.message);
    const prefixed = "version" in input;
    const device = await repository.findDevice(message.device);
    const bytes = prefixed ? signed(message) : canonicalBytes(message);
    // A stranger, a revoked device and a forger get the same answer, so none of them learns how the server sees it.
    const genuine =
      device !== null &&
      device.revokedAt === null &&
      (prefixed || mayPollUnprefixed(message, device)) &&
      verifyNkey(device.nkey, bytes, input.signature);
    if (!genuine) throw new AppError("UNAUTHORIZED", "the poll is not that of a device enrolled here");
    const caller = { ...device, ...arrival };
    return prefixed ? answerSigned(message, caller) : answerUnprefixed(message, caller);
  }

  /** Answers agents from before polls had a prefix. Copies of their stores cannot be recognised, and are ignored as before. */
  async function answerUnprefixed(message: Message<"poll">, device: Caller): Promise<TargetState> {
    const nowMs = now();
    const standing = standingOf(message, device, nowMs);
    if (standing === "anotherEpoch") {
      throw new AppError("UNAUTHORIZED", "epoch: the device was enrolled with another copy of its store");
    }
    if (standing === "impossible") {
      throw new AppError("CONFLICT", "sequence: no device can have polled so often since its last poll");
    }
    const number = await repository.recordPoll(message, { prefixed: false, nowMs });
    return { version: 1, device: device.id, ...(await orders(device, number !== undefined)) };
  }

  async function answerSigned(message: Message<"poll">, device: Caller): Promise<SignedEnvelope> {
    const { epoch, sequence } = message;
    const nowMs = now();
    const number = await record(message, device, nowMs);
    const target: SignedTarget = {
      version: 2,
      kind: "target",
      device: device.id,
      epoch,
      sequence,
      number: number ?? 0,
      issuedAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + targetLifeMs).toISOString(),
      beginEpoch: number === undefined,
      reports: await repository.lastReport(device.id, epoch),
      ...(await orders(device, number !== undefined)),
    };
    return signer.sign(target);
  }

  /** The target's number, or undefined where the device has to begin a new epoch before its polls count. */
  async function record(message: Message<"poll">, device: Device, nowMs: number): Promise<number | undefined> {
    const { epoch } = message;
    let poller: Poller = device;
    if (epoch !== device.epoch && !(await repository.hasEpoch(device.id, epoch))) {
      poller = { epoch, pollSequence: 0, enrolledAt: new Date(nowMs), lastSeenAt: null };
      if (standingOf(message, poller, nowMs) !== "ahead") return undefined;
      await repository.beginEpoch(device.id, epoch, nowMs);
    }
    if (standingOf(message, poller, nowMs) !== "ahead") return undefined;
    return repository.recordPoll(message, { prefixed: true, nowMs });
  }

  async function orders(device: Caller, isLatest: boolean) {
    return {
      release: await offerRelease(deps, device, { manifestVersion: device.manifestVersion, isLatest }),
      nats: await natsFor(device),
      pollIntervalMs: deps.pollIntervalMs,
    };
  }

  return { enrol, poll };
}

function parseMessage<T extends "enrol" | "poll">(contracts: Contracts, type: T, value: unknown): Message<T> {
  const judged = contracts.judge(type, value);
  if (judged.ok) return judged.value;
  const { reason, issues } = judged;
  if (reason === "unknownContract") {
    const taken = contracts.versions.join(", ");
    throw new AppError("CONFLICT", `${type} is not of a version of the egress contract that is taken here: ${taken}`);
  }
  throw new AppError("INVALID_INPUT", `${type}: ${describeIssues({ issues })}`);
}

/** Agents from before polls had a prefix speak the first version. */
function mayPollUnprefixed(message: Message<"poll">, { prefixedPolls }: Device): boolean {
  return !prefixedPolls && message.contract === firstContract;
}

function assertNkey(nkey: string): void {
  try {
    fromPublic(nkey);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", "nkey: its checksum is wrong", { cause });
  }
}
