// The server's answers to devices: enrolment and polls. A device reports its identity and state,
// and receives its target.

import { randomBytes } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { type Contracts, firstContract, type Message } from "@attune/shared/contracts/egress";
import type { EnrolmentReply, SignedEnrolment } from "@attune/shared/contracts/enrolment";
import type { Poll, TargetState } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import type { SignedEnvelope } from "@attune/shared/trust/signed";
import { fromPublic } from "@nats-io/nkeys";
import type { Device } from "../generated/prisma/client.js";
import type { NatsCredentials } from "../platform/nats/nats-credentials.js";
import { verifyNkey } from "../platform/nats/nkey-signatures.js";
import type { ReleaseSigner } from "../signing/sign.js";
import { createRenewals } from "./credential-renewal.js";
import type { DeviceRepository } from "./device.repository.js";
import { bytesUnderSignature, parseMessage } from "./device-messages.js";
import { type Arrival, type Caller, createPollAnswers } from "./poll-answers.js";
import type { OfferParts } from "./target-manifest.js";

interface DeviceServiceDeps extends Pick<OfferParts, "targetRelease"> {
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

export interface DeviceService {
  /** Throws UNAUTHORIZED for a wrong token or signature, and CONFLICT for a key or token that another device has. */
  enrol(enrolment: SignedEnrolment, host?: string): Promise<EnrolmentReply>;
  /**
   * Throws UNAUTHORIZED where the poll is not that of an enrolled device. A poll with a prefix gets a signed target.
   */
  poll(input: Poll, arrival?: Arrival): Promise<TargetState | SignedEnvelope>;
}

export function createDeviceService(deps: DeviceServiceDeps): DeviceService {
  const { repository, credentials, signer, contracts, now } = deps;
  const renewals = createRenewals({ credentials, isRevoked: repository.isRevoked, now });
  const answers = createPollAnswers({ ...deps, natsFor });

  async function natsFor(device: Caller): Promise<TargetState["nats"]> {
    const userJwt = await renewals.currentJwt({
      nkeyPublic: device.nkey,
      fleet: device.fleetName,
      device: device.id,
    });
    return { urls: [...deps.natsUrls(device.host)], userJwt };
  }

  return {
    async enrol({ message: value, proof }, host) {
      const message = parseMessage(contracts, "enrol", value);
      assertSigned(message, proof, contracts);
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
    },

    async poll(input, arrival = { manifestVersion: 1 }) {
      const message = parseMessage(contracts, "poll", input.message);
      const prefixed = "version" in input;
      const device = await repository.findDevice(message.device);
      const bytes = prefixed ? bytesUnderSignature(contracts, message) : canonicalBytes(message);
      // A stranger, a revoked device and a forger get the same answer, so none of them learns how the server sees it.
      const genuine =
        device !== null &&
        device.revokedAt === null &&
        (prefixed || mayPollUnprefixed(message, device)) &&
        verifyNkey(device.nkey, bytes, input.signature);
      if (!genuine) throw new AppError("UNAUTHORIZED", "the poll is not that of a device enrolled here");
      const caller = { ...device, ...arrival };
      return prefixed ? answers.signed(message, caller) : answers.unprefixed(message, caller);
    },
  };
}

/**
 * Throws UNAUTHORIZED where the key that enrols has not signed the message, and INVALID_INPUT where key
 * or proof is none.
 */
function assertSigned(message: Message<"enrol">, proof: string | undefined, contracts: Contracts): void {
  try {
    fromPublic(message.nkey);
  } catch (cause) {
    throw new AppError("INVALID_INPUT", "nkey: its checksum is wrong", { cause });
  }
  if (proof === undefined) {
    throw new AppError("INVALID_INPUT", "proof is missing; this agent is too old to enrol here, so update it first");
  }
  if (!verifyNkey(message.nkey, bytesUnderSignature(contracts, message), proof)) {
    throw new AppError("UNAUTHORIZED", "proof: the enrolment was not signed with its own key");
  }
}

/** Agents from before polls had a prefix speak the first version. */
function mayPollUnprefixed(message: Message<"poll">, { prefixedPolls }: Device): boolean {
  return !prefixedPolls && message.contract === firstContract;
}
