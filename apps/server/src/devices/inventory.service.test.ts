import { dayMs } from "@attune/shared/time";
import { beforeEach, describe, expect, test } from "vitest";
import type { InventoryDevice, InventoryRepository } from "./inventory.repository.js";
import { createInventoryService, type InventoryService } from "./inventory.service.js";

const by = { actor: "nora", reason: null };
const noon = Date.UTC(2026, 0, 1, 12);

function deviceOf(id: string, changes: Partial<InventoryDevice> = {}): InventoryDevice {
  return {
    ...{ id, fleetName: "home", nkey: `U${id}`, epoch: "0123456789abcdef", deviceKind: "linux", engine: "native" },
    ...{ memory: 4_096, enrolledAt: new Date(noon - 60 * dayMs), revokedAt: null, lastSeenAt: new Date(noon) },
    ...{ releaseSequence: 2, state: "idle", reason: "none", pollSequence: 9, prefixedPolls: true, targetNumber: 9n },
    ...{ offeredSequence: 2, offeredManifest: 1, offeredAt: null, tags: [], decommissionedAt: null },
    ...{ epochsBegun: 0, conflicts: 0, ...changes },
  };
}

const devices = [
  deviceOf("plain"),
  deviceOf("phone", { deviceKind: "phone", engine: "wasm", memory: 512, fleetName: "office" }),
  deviceOf("tagged", { tags: ["site=berlin", "spare"], releaseSequence: 3 }),
  deviceOf("silent", { lastSeenAt: null }),
  deviceOf("twin", { epochsBegun: 5 }),
  deviceOf("revoked", { revokedAt: new Date(noon) }),
  deviceOf("gone", { revokedAt: new Date(noon), decommissionedAt: new Date(noon) }),
];
let since: Date | undefined;
let tags: readonly string[];
let service: InventoryService;

beforeEach(() => {
  tags = ["spare"];
  const repository: InventoryRepository = {
    async list(fleet, from) {
      since = from;
      return devices.filter(({ fleetName }) => fleet === undefined || fleetName === fleet);
    },
    async changeTags(_change, decide) {
      tags = decide(tags);
      return [...tags];
    },
    history: async () => null,
  };
  service = createInventoryService({ repository, pollIntervalMs: 30_000, now: () => noon });
});

describe("the inventory", () => {
  const present = ["plain", "phone", "tagged", "silent", "twin", "revoked"];

  test.each<[Parameters<InventoryService["list"]>[0], string[]]>([
    [undefined, present],
    [{}, present],
    [{ fleet: "office" }, ["phone"]],
    [{ kind: "phone" }, ["phone"]],
    [{ engine: "wasm" }, ["phone"]],
    [{ memory: 513 }, present.filter((id) => id !== "phone")],
    [{ tag: "spare" }, ["tagged"]],
    [{ tag: "site=bonn" }, []],
    [{ release: 3 }, ["tagged"]],
    [{ health: "stale" }, ["silent"]],
    [{ health: "online", kind: "phone", tag: "spare" }, []],
    [{ decommissioned: true }, ["gone"]],
  ])("of %j has the devices that fit every word", async (filter, expected) => {
    expect((await service.list(filter)).map(({ id }) => id)).toEqual(expected);
    expect(since).toEqual(new Date(noon - dayMs));
  });

  test("shows health and copies, and none of the counters that only polls need", async () => {
    const listed = Object.fromEntries((await service.list()).map((device) => [device.id, device]));
    expect(listed.plain).toMatchObject({ fleet: "home", health: "online", copies: false });
    expect([listed.twin?.copies, listed.revoked?.health]).toEqual([true, null]);
    for (const field of ["nkey", "pollSequence", "targetNumber", "prefixedPolls"]) {
      expect(listed.plain).not.toHaveProperty(field);
    }
  });
});

test("tags are added and removed once each, in order, and sixteen are the most", async () => {
  const change = (add: string[], remove: string[] = []) => service.changeTags({ device: "plain", add, remove }, by);
  expect(await change(["site=berlin", "site=berlin"])).toEqual({ device: "plain", tags: ["site=berlin", "spare"] });
  expect((await change([], ["spare", "none"])).tags).toEqual(["site=berlin"]);
  const many = Array.from({ length: 16 }, (_, index) => `t${index}`);
  await expect(change(many)).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("an unknown device has no timeline", async () => {
  await expect(service.timeline("none", 10)).rejects.toMatchObject({ code: "NOT_FOUND" });
});
