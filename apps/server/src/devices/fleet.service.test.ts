// Tokens and revocations with the repository and the broker's credentials in memory.

import { sha256 } from "@attune/platform/sha256";
import { enrolmentTokenPattern } from "@attune/shared/contracts/enrolment";
import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import { beforeEach, describe, expect, test } from "vitest";
import type { Device } from "../generated/prisma/client.js";
import type { Revocations } from "../platform/nats/devices-account.js";
import type { FleetRepository } from "./fleet.repository.js";
import { createFleetService, type FleetService } from "./fleet.service.js";

const by = { actor: "nora", reason: null };
const noon = Date.UTC(2026, 0, 1, 12);
const fingerprint = "f".repeat(64);
const request = { fleet: "home", count: 1, tags: [] };

function deviceOf(id: string, changes: Partial<Device> = {}): Device {
  return {
    ...{ id, fleetName: "home", nkey: `U${id}`, epoch: "0123456789abcdef", deviceKind: "linux", engine: "native" },
    ...{
      memory: 4_096,
      enrolledAt: new Date(noon - 60 * dayMs),
      revokedAt: null,
      lastSeenAt: null,
      releaseSequence: 2,
    },
    ...{ state: "idle", reason: "none", pollSequence: 9, prefixedPolls: true, targetNumber: 9n },
    ...{ offeredSequence: 2, offeredManifest: 1, offeredAt: null, tags: [], decommissionedAt: null },
    ...changes,
  };
}

function createFakeRepository(devices: Device[]) {
  const fleets = new Map([["home", { name: "home", createdAt: new Date(noon) }]]);
  const tokens: Parameters<FleetRepository["createTokens"]>[0][number][] = [];
  const repository: FleetRepository = {
    async createFleet(name) {
      const fleet = fleets.get(name) ?? { name, createdAt: new Date(noon) };
      fleets.set(name, fleet);
      return fleet;
    },
    listFleets: async () => [...fleets.values()].map((fleet) => ({ ...fleet, devices: devices.length })),
    async createTokens(made, { subject }) {
      if (!fleets.has(subject)) throw new AppError("NOT_FOUND", `there is no fleet "${subject}"`);
      tokens.push(...made);
    },
    async revoke(id, { atMs }) {
      const device = devices.find((one) => one.id === id);
      if (device !== undefined) device.revokedAt ??= new Date(atMs);
      return device !== undefined;
    },
    async decommission(id, { atMs }) {
      const device = devices.find((one) => one.id === id);
      if (device === undefined) return false;
      device.revokedAt ??= new Date(atMs);
      device.decommissionedAt ??= new Date(atMs);
      return true;
    },
    async revokedKeys(expiredBefore) {
      const revoked = devices.filter(({ revokedAt }) => revokedAt !== null);
      const expired = revoked.filter(({ revokedAt }) => revokedAt! < expiredBefore);
      return { revoked: revoked.map(({ nkey }) => nkey), expired: expired.map(({ nkey }) => nkey) };
    },
  };
  return { repository, tokens };
}

let devices: Device[];
let tokens: ReturnType<typeof createFakeRepository>["tokens"];
/** The revocations that reached the broker, in order. */
let pushed: Revocations[];
let brokerFault: Error | undefined;
let nowMs: number;
let service: FleetService;
beforeEach(() => {
  devices = [deviceOf("d1"), deviceOf("d2"), deviceOf("d3", { fleetName: "office" })];
  const fake = createFakeRepository(devices);
  tokens = fake.tokens;
  pushed = [];
  brokerFault = undefined;
  nowMs = noon;
  service = createFleetService({
    repository: fake.repository,
    credentials: {
      async revoke(keys) {
        if (brokerFault !== undefined) throw brokerFault;
        pushed.push(keys);
      },
    },
    signer: { fingerprint },
    now: () => nowMs,
  });
});

describe("an enrolment token", () => {
  test("pins the release keys, ends at the given time, and is stored as the hash of its secret alone", async () => {
    const { token, expiresAt } = await service.createTokens({ ...request, ttlMs: dayMs }, by);
    const [, pinned, secret] = enrolmentTokenPattern.exec(token)!;
    expect(pinned).toBe(fingerprint);
    expect(expiresAt).toBe(new Date(noon + dayMs).toISOString());
    expect(tokens).toEqual([
      { secretSha256: sha256(secret!), fleetName: "home", expiresAt: new Date(noon + dayMs), tags: [] },
    ]);
  });

  test("is never made twice with one secret", async () => {
    const made = await Promise.all([1, 2, 3].map(() => service.createTokens({ ...request, ttlMs: dayMs }, by)));
    expect(new Set(made.map(({ token }) => token)).size).toBe(3);
  });

  test("of fifty gives each device its tags, and each secret is another one", async () => {
    const made = await service.createTokens({ fleet: "home", ttlMs: dayMs, count: 50, tags: ["site=berlin"] }, by);
    expect([new Set(made.tokens).size, made.token, made.tags]).toEqual([50, made.tokens[0], ["site=berlin"]]);
    expect(new Set(tokens.map(({ secretSha256 }) => secretSha256)).size).toBe(50);
    for (const { tags } of tokens) expect(tags).toEqual(["site=berlin"]);
  });

  test.each([0, 999, 1_000.5, Number.NaN, 30 * dayMs + 1])("is refused a life of %d ms", async (ttlMs) => {
    await expect(service.createTokens({ ...request, ttlMs }, by)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(tokens).toEqual([]);
  });

  test("is not given out for a fleet that does not exist", async () => {
    const given = service.createTokens({ ...request, fleet: "nowhere", ttlMs: dayMs }, by);
    await expect(given).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

test("a decommissioned device is revoked at the broker too, and keeps its first time", async () => {
  expect(await service.decommission("d1", by)).toEqual({ device: "d1", dropped: true });
  nowMs += dayMs;
  await service.decommission("d1", by);
  expect(devices[0]).toMatchObject({ revokedAt: new Date(noon), decommissionedAt: new Date(noon) });
  expect(pushed[0]).toEqual({ revoked: ["Ud1"], expired: [] });
  await expect(service.decommission("d9", by)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

describe("a revocation", () => {
  test("is stored, then dropped from the broker", async () => {
    expect(await service.revoke("d1", by)).toEqual({ device: "d1", dropped: true });
    expect(devices[0]?.revokedAt).toEqual(new Date(noon));
    expect(pushed).toEqual([{ revoked: ["Ud1"], expired: [] }]);
  });

  test("that is repeated keeps its first time, and reaches the broker again", async () => {
    await service.revoke("d1", by);
    nowMs += dayMs;
    expect(await service.revoke("d1", by)).toEqual({ device: "d1", dropped: true });
    expect(devices[0]?.revokedAt).toEqual(new Date(noon));
    expect(pushed).toHaveLength(2);
  });

  test("of an unknown device is refused, and changes nothing at the broker", async () => {
    await expect(service.revoke("d9", by)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(pushed).toEqual([]);
  });

  test("holds in the database while the broker is away, and reaches the broker at the next reconciliation", async () => {
    brokerFault = new AppError("NATS_UNAVAILABLE", "no broker");
    expect(await service.revoke("d1", by)).toEqual({ device: "d1", dropped: false });
    expect(devices[0]?.revokedAt).toEqual(new Date(noon));
    expect(await service.reconcileRevocations()).toBe(false);
    brokerFault = undefined;
    expect(await service.reconcileRevocations()).toBe(true);
    expect(pushed).toEqual([{ revoked: ["Ud1"], expired: [] }]);
  });

  test("that fails otherwise says why", async () => {
    brokerFault = new AppError("DISK_FULL", "the account could not be written");
    await expect(service.revoke("d1", by)).rejects.toBe(brokerFault);
  });

  test("is listed as expired once every JWT of its device is, with a day of tolerance", async () => {
    await service.revoke("d1", by);
    nowMs = noon + 31 * dayMs;
    await service.reconcileRevocations();
    nowMs += 1;
    await service.reconcileRevocations();
    expect(pushed.slice(1).map(({ expired }) => expired)).toEqual([[], ["Ud1"]]);
  });
});
