import { updateStates, verdicts } from "@attune/shared/contracts/current-state";
import { expect, test } from "vitest";
import { countStandings, type DeviceSnapshot, standing } from "./rollout.standing.js";

const began = new Date("2026-01-01T12:00:00Z");
const rollout = { releaseSequence: 3, createdAt: began };
const device: DeviceSnapshot = {
  revoked: false,
  lastSeenAt: new Date("2026-01-01T12:00:05Z"),
  releaseSequence: 2,
  state: "idle",
};

test("only a device that runs the release counts as committed, whatever it says of its state", () => {
  for (const state of updateStates) {
    expect(standing(rollout, { ...device, releaseSequence: 3, state })).toBe("committed");
    expect(standing(rollout, { ...device, state })).not.toBe("committed");
  }
});

test.each([
  ["idle", "waiting"],
  ["downloading", "underway"],
  ["gating", "underway"],
  ["committed", "waiting"],
  ["rejected", "rejected"],
  ["failed", "failed"],
  ["timedOut", "failed"],
  ["rolledBack", "failed"],
  ["unknown", "waiting"],
] as const)("a device that says %s is %s", (state, expected) => {
  expect(standing(rollout, { ...device, state })).toBe(expected);
});

test("what a device said before the rollout began is about another release", () => {
  const before = { ...device, state: "rejected", lastSeenAt: new Date("2026-01-01T11:59:59Z") } as const;
  expect(standing(rollout, before)).toBe("waiting");
  expect(standing(rollout, { ...before, lastSeenAt: null })).toBe("waiting");
});

test("a verdict ends an update before the next poll does, and only worse refuses the release", () => {
  const testing = { ...device, state: "testing" } as const;
  const standings = verdicts.map((verdict) => [verdict, standing(rollout, { ...testing, verdict })]);
  expect(Object.fromEntries(standings)).toEqual({
    better: "committed",
    same: "committed",
    tooLittle: "committed",
    worse: "rejected",
  });
  expect(standing(rollout, { ...testing, lastSeenAt: null, verdict: "worse" })).toBe("rejected");
});

test("a device that runs the release is committed and a device that rolled back has failed, whatever its verdict was", () => {
  for (const verdict of verdicts) {
    expect(standing(rollout, { ...device, releaseSequence: 3, verdict })).toBe("committed");
    expect(standing(rollout, { ...device, state: "rolledBack", verdict })).toBe("failed");
  }
});

test("revoked devices are neither above nor below the line; an empty fleet counts nothing", () => {
  expect(countStandings(rollout, [])).toEqual({
    devices: 0,
    committed: 0,
    underway: 0,
    waiting: 0,
    rejected: 0,
    failed: 0,
  });
  const counts = countStandings(rollout, [
    { ...device, releaseSequence: 3 },
    { ...device, releaseSequence: 3, revoked: true },
    { ...device, state: "rejected" },
  ]);
  expect(counts).toMatchObject({ devices: 2, committed: 1, rejected: 1 });
});
