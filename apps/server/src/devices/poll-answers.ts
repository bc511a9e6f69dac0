// Answers the polls of genuine devices: records the poll, and orders the device's target.

import type { Message } from "@attune/shared/contracts/egress";
import type { SignedTarget, TargetState } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import type { SignedEnvelope } from "@attune/shared/trust/signed";
import type { Device } from "../generated/prisma/client.js";
import type { ReleaseSigner } from "../signing/sign.js";
import type { DeviceRepository } from "./device.repository.js";
import { type Poller, standingOf } from "./poll.plan.js";
import { type OfferParts, offerRelease } from "./target-manifest.js";

/**
 * How a request arrived: the name or address of this server that it used, and the newest manifest version
 * that the device reads.
 */
export interface Arrival {
  readonly host?: string | undefined;
  readonly manifestVersion: number;
}

export type Caller = Device & Arrival;

interface PollAnswersDeps extends Pick<OfferParts, "targetRelease"> {
  readonly repository: Pick<DeviceRepository, "recordPoll" | "recordOffer" | "hasEpoch" | "beginEpoch" | "lastReport">;
  readonly signer: Pick<ReleaseSigner, "sign">;
  readonly natsFor: (device: Caller) => Promise<TargetState["nats"]>;
  readonly pollIntervalMs: number;
  readonly now: () => number;
}

interface PollAnswers {
  /**
   * Answers agents from before polls had a prefix. Copies of their stores cannot be recognised, and
   * are ignored as before.
   */
  unprefixed(message: Message<"poll">, device: Caller): Promise<TargetState>;
  signed(message: Message<"poll">, device: Caller): Promise<SignedEnvelope>;
}

interface AnsweredPoll {
  readonly message: Message<"poll">;
  /** Whether the poll was recorded as the device's own latest. */
  readonly isLatest: boolean;
  readonly atMs: number;
}

/** The time for which a device may take a target for the server's latest; longer than the outage of a long weekend. */
const targetLifeMs = 7 * dayMs;

export function createPollAnswers(deps: PollAnswersDeps): PollAnswers {
  const { repository, signer, now } = deps;

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

  async function orders(device: Caller, { message, isLatest, atMs }: AnsweredPoll) {
    // The row was read before this poll was recorded.
    const polled = { ...device, state: message.state ?? "unknown" };
    return {
      release: await offerRelease(deps, polled, { manifestVersion: device.manifestVersion, isLatest, atMs }),
      nats: await deps.natsFor(device),
      pollIntervalMs: deps.pollIntervalMs,
    };
  }

  return {
    async unprefixed(message, device) {
      const nowMs = now();
      assertMayPoll(message, device, nowMs);
      const number = await repository.recordPoll(message, { prefixed: false, nowMs });
      return {
        version: 1,
        device: device.id,
        ...(await orders(device, { message, isLatest: number !== undefined, atMs: nowMs })),
      };
    },

    async signed(message, device) {
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
        ...(await orders(device, { message, isLatest: number !== undefined, atMs: nowMs })),
      };
      return signer.sign(target);
    },
  };
}

/**
 * Throws UNAUTHORIZED for another copy of the device's store, and CONFLICT for a sequence that no
 * device can have reached.
 */
function assertMayPoll(message: Message<"poll">, device: Device, nowMs: number): void {
  const standing = standingOf(message, device, nowMs);
  if (standing === "anotherEpoch") {
    throw new AppError("UNAUTHORIZED", "epoch: the device was enrolled with another copy of its store");
  }
  if (standing === "impossible") {
    throw new AppError("CONFLICT", "sequence: no device can have polled so often since its last poll");
  }
}
