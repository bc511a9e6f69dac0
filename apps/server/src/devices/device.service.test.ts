// Enrolments and polls with the repository, the broker's credentials and the release keys in memory.

import { generateKeyPairSync } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { createContracts, type Message, signedBytes } from "@attune/shared/contracts/egress";
import {
  type Poll,
  type SignedTarget,
  signedTargetSchema,
  type TargetState,
} from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import { pinnedRoot } from "@attune/shared/trust/root";
import { type SignedEnvelope, verifySigned } from "@attune/shared/trust/signed";
import { createUser, type KeyPair } from "@nats-io/nkeys";
import { beforeEach, describe, expect, test } from "vitest";
import type { Device } from "../generated/prisma/client.js";
import { withNativeSigning } from "../platform/nats/nkey-signatures.js";
import { createReleaseSigner, verifyEd25519 } from "../signing/sign.js";
import type { DeviceRepository } from "./device.repository.js";
import { createDeviceService, type DeviceService } from "./device.service.js";
import { judgeToken } from "./enrolment.js";
import type { FleetTarget } from "./target-manifest.js";

const noon = Date.UTC(2026, 0, 1, 12);
const contracts = createContracts();
const signer = createReleaseSigner([generateKeyPairSync("ed25519").privateKey]);
const [epoch, laterEpoch] = ["0123456789abcdef", "fedcba9876543210"];
const secret = "a".repeat(48);
const release = { sequence: 3, manifestSha256: "c".repeat(64) };
const published: FleetTarget = {
  sequence: 3,
  manifest1Sha256: release.manifestSha256,
  manifest2Sha256: "d".repeat(64),
};

interface Token {
  readonly fleetName: string;
  readonly expiresAt: Date;
  device: Device | null;
}

/** Keeps devices in memory by the rules of the database. A test replaces a call where another request comes first. */
function createFakeRepository() {
  const tokens = new Map<string, Token>();
  const devices = new Map<string, Device>();
  const epochs = new Set<string>();
  const repository: DeviceRepository = {
    async enrol({ message, secretSha256, newDevice, nowMs }) {
      const token = tokens.get(secretSha256);
      if (judgeToken(token, message, nowMs).use === "again") return token!.device!;
      const { nkey, deviceKind, engine, memory } = message;
      const device: Device = {
        ...{ id: newDevice, fleetName: token!.fleetName, nkey, epoch: message.epoch, deviceKind, engine, memory },
        ...{ enrolledAt: new Date(nowMs), revokedAt: null, lastSeenAt: null, prefixedPolls: true },
        ...{ releaseSequence: 0, state: "idle", reason: "none", pollSequence: 0, targetNumber: 0n },
        ...{ offeredSequence: 0, offeredManifest: 1, offeredAt: null, tags: [], decommissionedAt: null },
      };
      token!.device = device;
      devices.set(newDevice, device);
      epochs.add(`${newDevice} ${message.epoch}`);
      return device;
    },
    findDevice: async (id) => structuredClone(devices.get(id) ?? null),
    async recordPoll({ device: id, epoch, sequence, releaseSequence, state, reason }, { prefixed, nowMs }) {
      const device = devices.get(id);
      if (device === undefined || device.epoch !== epoch || device.pollSequence >= sequence) return undefined;
      const targetNumber = Math.max(Number(device.targetNumber) + 1, nowMs);
      const prefixedPolls = device.prefixedPolls || prefixed;
      const polled = { pollSequence: sequence, lastSeenAt: new Date(nowMs), targetNumber: BigInt(targetNumber) };
      Object.assign(device, { ...polled, releaseSequence, state, reason, prefixedPolls });
      return targetNumber;
    },
    async recordOffer(id, offer) {
      if (devices.get(id)!.offeredSequence < offer.offeredSequence) Object.assign(devices.get(id)!, offer);
    },
    hasEpoch: async (id, epoch) => epochs.has(`${id} ${epoch}`),
    async beginEpoch(id, epoch) {
      epochs.add(`${id} ${epoch}`);
      Object.assign(devices.get(id)!, { epoch, pollSequence: 0, prefixedPolls: true });
    },
    lastReport: async (_, epoch) => (epoch === laterEpoch ? 0 : 7),
    isRevoked: async (id) => devices.get(id)?.revokedAt !== null,
  };
  const issue = (text: string, expiresAt = noon + dayMs) =>
    tokens.set(sha256(text), { fleetName: "home", expiresAt: new Date(expiresAt), device: null });
  return { repository, tokens, devices, issue };
}

let fake: ReturnType<typeof createFakeRepository>;
let service: DeviceService;
let nowMs: number;
let issuedJwts: number;
/** Whether the fleet manager revokes a device while its credentials are signed. */
let isRevokedMeanwhile: boolean;
let key: KeyPair;
/** The fleet's target. */
let target: FleetTarget;
beforeEach(() => {
  fake = createFakeRepository();
  fake.issue(secret);
  nowMs = noon;
  issuedJwts = 0;
  isRevokedMeanwhile = false;
  key = newKey();
  target = published;
  service = createDeviceService({
    repository: fake.repository,
    credentials: {
      async createDeviceJwt({ device, nkeyPublic }) {
        if (isRevokedMeanwhile) fake.devices.get(device)!.revokedAt = new Date(nowMs);
        return `${device} ${nkeyPublic} ${++issuedJwts}`;
      },
    },
    signer,
    targetRelease: async ({ fleetName }) => (fleetName === "home" ? target : null),
    natsUrls: (host) => [`nats://${host}:4222`],
    pollIntervalMs: 30_000,
    contracts,
    now: () => nowMs,
  });
});

const newKey = () => withNativeSigning(createUser());

const signature = (by: KeyPair, message: Message<"enrol" | "poll">) => {
  const bytes = signedBytes(contracts.declaration(message.contract, message.type)!, canonicalBytes(message));
  return Buffer.from(by.sign(bytes)).toString("base64");
};

function enrolMessage(changes: Partial<Message<"enrol">> = {}): Message<"enrol"> {
  const hardware = { deviceKind: "linux", engine: "native", memory: 4_096 } as const;
  return { type: "enrol", contract: 1, token: secret, nkey: key.getPublicKey(), epoch, ...hardware, ...changes };
}

const enrol = (message = enrolMessage(), by = key) =>
  service.enrol({ message, proof: signature(by, message) }, "fleet.example");

describe("an enrolment", () => {
  test("makes a device, and answers its fleet, its credentials and the keys that it is to believe", async () => {
    const reply = await enrol();
    const { device } = reply;
    expect(device).toMatch(/^[0-9a-f]{32}$/);
    expect(reply).toEqual({
      version: 1,
      device,
      fleet: "home",
      releaseKeys: signer.trustedKeys,
      egressContractVersion: 1,
      nats: { urls: ["nats://fleet.example:4222"], userJwt: `${device} ${key.getPublicKey()} 1` },
    });
  });

  test("that is repeated makes no second device, even after the token's end", async () => {
    const first = await enrol();
    nowMs += 2 * dayMs;
    expect(await enrol()).toEqual(first);
    expect(fake.devices.size).toBe(1);
  });

  test.each([
    ["an unknown token", { token: "b".repeat(48) }, "TOKEN_INVALID"],
    ["a token whose time is over", { token: "d".repeat(48) }, "TOKEN_EXPIRED"],
    ["a token that enrolled another copy of the store", { epoch: laterEpoch }, "TOKEN_USED"],
  ])("with %s is refused and gets no credentials", async (_what, changes, code) => {
    fake.issue("d".repeat(48), noon);
    await enrol();
    await expect(enrol(enrolMessage(changes))).rejects.toMatchObject({ code });
    expect([fake.devices.size, issuedJwts]).toEqual([1, 1]);
  });

  test("with a token that enrolled another key is refused", async () => {
    await enrol();
    key = newKey();
    await expect(enrol()).rejects.toMatchObject({ code: "TOKEN_USED" });
  });

  test("of a revoked device is refused when it is repeated", async () => {
    const { device } = await enrol();
    fake.devices.get(device)!.revokedAt = new Date(nowMs);
    await expect(enrol()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["without a proof", () => service.enrol({ message: enrolMessage() }), "INVALID_INPUT"],
    ["with the proof of another key", () => enrol(enrolMessage(), newKey()), "UNAUTHORIZED"],
    ["with a key whose checksum is wrong", () => enrol(enrolMessage({ nkey: `U${"A".repeat(55)}` })), "INVALID_INPUT"],
    ["with a field beside the contract", () => enrol({ ...enrolMessage(), name: "x" } as never), "INVALID_INPUT"],
    [
      "in an unknown version of the contract",
      () => service.enrol({ message: { contract: 99 }, proof: "" }),
      "CONFLICT",
    ],
  ])("%s is refused before it can spend the token", async (_what, attempt, code) => {
    await expect(attempt()).rejects.toMatchObject({ code });
    expect(fake.tokens.get(sha256(secret))?.device).toBeNull();
    await expect(enrol()).resolves.toMatchObject({ fleet: "home" });
  });

  test("whose key another request enrolled first is refused, and gets no credentials", async () => {
    fake.repository.enrol = async () => Promise.reject(new AppError("CONFLICT", "nkey: this key belongs to a device"));
    await expect(enrol()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(issuedJwts).toBe(0);
  });

  test("gets no credentials where its device is revoked while they are signed", async () => {
    isRevokedMeanwhile = true;
    await expect(enrol()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });
});

function pollMessage(device: string, changes: Partial<Message<"poll", 1>> = {}): Message<"poll", 1> {
  const state = { releaseSequence: 2, state: "idle", reason: "none" } as const;
  return { type: "poll", contract: 1, device, epoch, sequence: 1, ...state, ...changes };
}

async function poll(
  device: string,
  changes: Partial<Message<"poll", 1>> = {},
  manifestVersion = 1,
): Promise<SignedTarget> {
  const message = pollMessage(device, changes);
  const signed = { version: 2, message, signature: signature(key, message) } as const;
  const envelope = await service.poll(signed, { host: "fleet.example", manifestVersion });
  const root = pinnedRoot(signer.trustedKeys);
  const verified = await verifySigned(envelope as SignedEnvelope, { root, role: "targets" }, verifyEd25519);
  return signedTargetSchema.parse(verified.ok && verified.value);
}

describe("a signed poll", () => {
  let device: string;
  beforeEach(async () => {
    device = (await enrol()).device;
  });

  test("is answered with the fleet's release, signed for this poll and for a week", async () => {
    expect(await poll(device)).toMatchObject({
      ...{ device, epoch, sequence: 1, number: noon, beginEpoch: false, reports: 7, release },
      issuedAt: new Date(noon).toISOString(),
      expiresAt: new Date(noon + 7 * dayMs).toISOString(),
    });
    expect(fake.devices.get(device)).toMatchObject({ pollSequence: 1, releaseSequence: 2, lastSeenAt: new Date(noon) });
  });

  test("gets a higher number than the last, also where the clock was set back", async () => {
    const { number } = await poll(device);
    nowMs -= dayMs;
    expect((await poll(device, { sequence: 2 })).number).toBe(number + 1);
  });

  test("by a stranger, a revoked device or a forger gets one and the same refusal", async () => {
    const refusal = async (input: Poll) =>
      service.poll(input).catch((error: AppError) => `${error.code} ${error.message}`);
    const message = pollMessage(device);
    const stranger = pollMessage("0".repeat(32));
    const refusals = [
      await refusal({ version: 2, message: stranger, signature: signature(key, stranger) }),
      await refusal({ version: 2, message, signature: signature(newKey(), message) }),
    ];
    fake.devices.get(device)!.revokedAt = new Date(nowMs);
    refusals.push(await refusal({ version: 2, message, signature: signature(key, message) }));
    expect(new Set(refusals)).toEqual(new Set([expect.stringMatching(/^UNAUTHORIZED /)]));
    expect(fake.devices.get(device)?.lastSeenAt).toBeNull();
  });

  test.each([
    ["repeated", { sequence: 5 }],
    ["late", { sequence: 4 }],
    ["numbered beyond all polls that a device can have made", { sequence: 2_000_000 }],
  ])("that is %s changes nothing, and asks the device for a new epoch", async (_what, changes) => {
    await poll(device, { sequence: 5 });
    const before = structuredClone(fake.devices.get(device));
    nowMs += 1_000;
    const later = { ...changes, state: "failed" } as const;
    expect(await poll(device, later)).toMatchObject({ beginEpoch: true, number: 0 });
    expect(fake.devices.get(device)).toEqual(before);
  });

  test("that a later poll overtakes between the look and the record asks for a new epoch", async () => {
    fake.repository.recordPoll = async () => undefined;
    expect(await poll(device)).toMatchObject({ beginEpoch: true, number: 0 });
  });

  test("of a new epoch begins it, and a poll of the epoch before it does not count any more", async () => {
    await poll(device, { sequence: 5 });
    expect(await poll(device, { epoch: laterEpoch })).toMatchObject({ beginEpoch: false, reports: 0 });
    expect(fake.devices.get(device)).toMatchObject({ epoch: laterEpoch, pollSequence: 1 });
    expect(await poll(device, { sequence: 6 })).toMatchObject({ beginEpoch: true });
    expect(fake.devices.get(device)).toMatchObject({ epoch: laterEpoch, pollSequence: 1 });
  });

  test("of one epoch too many in a day is refused", async () => {
    fake.repository.beginEpoch = async () => Promise.reject(new AppError("CONFLICT", "two copies of it may run"));
    await expect(poll(device, { epoch: laterEpoch })).rejects.toMatchObject({ code: "CONFLICT" });
  });

  test("gets the same credentials until half of their life is over", async () => {
    const jwt = (await poll(device, { sequence: 1 })).nats.userJwt;
    nowMs += 15 * dayMs - 1;
    expect((await poll(device, { sequence: 2 })).nats.userJwt).toBe(jwt);
    nowMs += 1;
    expect((await poll(device, { sequence: 3 })).nats.userJwt).not.toBe(jwt);
  });

  test("gets no new credentials where its device is revoked while they are signed", async () => {
    nowMs += 20 * dayMs;
    isRevokedMeanwhile = true;
    await expect(poll(device)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });
});

describe("the manifest that a poll is answered with", () => {
  let device: string;
  beforeEach(async () => {
    device = (await enrol()).device;
  });
  const offerAt = async (sequence: number, manifestVersion: number) =>
    (await poll(device, { sequence }, manifestVersion)).release;
  const [first, second] = [release, { sequence: 3, manifestSha256: published.manifest2Sha256 }];
  const next = { sequence: 4, manifest1Sha256: "e".repeat(64), manifest2Sha256: "f".repeat(64) };

  test("is of the newest version that the device reads", async () => {
    expect(await offerAt(1, 2)).toEqual(second);
    target = next;
    expect(await offerAt(2, 3)).toEqual({ sequence: 4, manifestSha256: next.manifest2Sha256 });
  });

  test.each([
    [1, first],
    [2, second],
  ])(
    "stays the same for a release when a device that read version %i reads another by then",
    async (before, offered) => {
      expect(await offerAt(1, before)).toEqual(offered);
      expect(await offerAt(2, 3 - before)).toEqual(offered);
      target = next;
      const later = before === 1 ? next.manifest2Sha256 : next.manifest1Sha256;
      expect(await offerAt(3, 3 - before)).toEqual({ sequence: 4, manifestSha256: later });
    },
  );

  test("is not fixed by a poll that someone recorded and sends again", async () => {
    target = { ...next, sequence: 2 };
    await offerAt(5, 1);
    target = published;
    expect(await offerAt(5, 1)).toEqual(first);
    expect(await offerAt(6, 2)).toEqual(second);
  });

  test("is none where the device reads no manifest of the release, until the device reads it", async () => {
    target = { ...published, manifest1Sha256: null };
    expect(await offerAt(1, 1)).toBeNull();
    expect(await offerAt(2, 2)).toEqual(second);
  });

  test("is the first of a release from before there was a second", async () => {
    target = { ...published, manifest2Sha256: null };
    expect(await offerAt(1, 2)).toEqual(first);
  });
});

describe("a poll without a prefix", () => {
  let device: string;
  beforeEach(async () => {
    device = (await enrol()).device;
    fake.devices.get(device)!.prefixedPolls = false;
  });

  async function barePoll(changes: Partial<Message<"poll", 1>> = {}): Promise<TargetState> {
    const message = pollMessage(device, changes);
    const bare = Buffer.from(key.sign(canonicalBytes(message))).toString("base64");
    return (await service.poll({ message, signature: bare })) as TargetState;
  }

  test("is answered without a signature while the device has never signed under a prefix", async () => {
    expect(await barePoll()).toMatchObject({ version: 1, device, release, pollIntervalMs: 30_000 });
    await poll(device, { sequence: 2 });
    await expect(barePoll({ sequence: 3 })).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  test.each([
    ["from another copy of the store", { epoch: laterEpoch }, "UNAUTHORIZED"],
    ["with an impossible number", { sequence: 2_000_000 }, "CONFLICT"],
  ])("%s is refused and not recorded", async (_what, changes, code) => {
    await expect(barePoll(changes)).rejects.toMatchObject({ code });
    expect(fake.devices.get(device)).toMatchObject({ epoch, pollSequence: 0, lastSeenAt: null });
  });
});
