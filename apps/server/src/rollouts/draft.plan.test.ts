// Drafts of rollouts for fleets in memory.

import { describe, expect, test } from "vitest";
import { type DraftDevice, draftRollout, exclusionReasons, type RolloutRequest } from "./draft.plan.js";
import { defaultPolicy } from "./rollout.plan.js";

const noon = new Date("2026-01-01T12:00:00.000Z");
const request: RolloutRequest = {
  ...{ releaseSequence: 7, fallbackSequence: 8, groups: [], select: {}, intake: false, policy: defaultPolicy },
};
const device = (id: string, changes: Partial<DraftDevice> = {}): DraftDevice => ({
  ...{
    id,
    revoked: false,
    kind: "linux",
    engine: "native",
    memory: 4_096,
    tags: ["spare", "site=berlin"],
    running: 6,
    offered: 6,
  },
  ...{ lastSeenAt: noon, isBusy: false },
  ...changes,
});
const fleetOf = (count: number) => Array.from({ length: count }, (_, i) => device(`d${i}`));
const reversed = (devices: readonly string[]) => devices.toReversed();
const sizesOf = (groups: RolloutRequest["groups"], count: number) =>
  draftRollout({ ...request, groups }, fleetOf(count), reversed).groups.map(({ length }) => length);

describe("a draft", () => {
  test("puts devices into groups by count and share, in the given order, and the rest into a last group", () => {
    expect(sizesOf([{ devices: 12 }, { percent: 10 }], 100)).toEqual([12, 10, 78]);
    expect(sizesOf([{ devices: 12 }, { devices: 38 }], 50)).toEqual([12, 38]);
    expect(sizesOf([{ percent: 100 }], 7)).toEqual([7]);
    expect(sizesOf([], 3)).toEqual([3]);
    expect(sizesOf([{ devices: 5 }, { devices: 5 }], 4)).toEqual([4, 0]);
    expect(draftRollout(request, fleetOf(3), reversed).groups).toEqual([["d2", "d1", "d0"]]);
  });

  test("gives each device that is left out one reason", () => {
    const select = {
      kinds: ["linux"],
      engines: ["native"],
      minMemory: 2_048,
      tags: ["site=berlin"],
      running: [6],
      seenSince: noon.toISOString(),
    };
    const left: Partial<DraftDevice>[] = [
      { revoked: true },
      { kind: "phone" },
      { engine: "wasm" },
      { memory: 1_024 },
      { tags: ["site=rome"] },
      { running: 5 },
      { lastSeenAt: new Date(noon.getTime() - 1) },
      { offered: 7 },
      { isBusy: true },
    ];
    const devices = [device("in"), ...left.map((changes, i) => device(`out${i}`, changes))];
    const { groups, excluded } = draftRollout({ ...request, select }, devices, reversed);
    expect(groups).toEqual([["in"]]);
    expect(excluded.map(({ reason }) => reason)).toEqual(exclusionReasons);
    expect(draftRollout({ ...request, select }, [device("new", { lastSeenAt: null })], reversed).excluded).toEqual([
      { device: "new", reason: "unseen" },
    ]);
  });

  test("warns of groups that show little", () => {
    const { warnings } = draftRollout({ ...request, groups: [{ devices: 11 }] }, fleetOf(23), reversed);
    expect(warnings).toEqual(["group 1 has 11 devices; fewer than 12 show little"]);
  });
});
