import { dayMs } from "@attune/shared/time";
import { expect, test } from "vitest";
import { healthOf, looksCopied } from "./health.plan.js";

const nowMs = Date.UTC(2026, 0, 1, 12);
const ago = (ms: number) => new Date(nowMs - ms);
const well = { lastSeenAt: ago(30_000), releaseSequence: 2, state: "idle", offeredSequence: 2, offeredAt: ago(dayMs) };
const health = (changes: Partial<Parameters<typeof healthOf>[0]>, pollIntervalMs = 30_000) =>
  healthOf({ ...well, ...changes }, { nowMs, pollIntervalMs });

test("a device that polls and runs what it was offered is online", () => {
  expect(health({})).toBe("online");
});

test.each<[string, Date | null, number, string]>([
  ["never polled", null, 30_000, "stale"],
  ["polled ten minutes ago", ago(600_000), 30_000, "online"],
  ["polled longer ago", ago(600_001), 30_000, "stale"],
  ["polls hourly and missed two", ago(2.5 * 3_600_000), 3_600_000, "online"],
  ["polls hourly and missed four", ago(4 * 3_600_000), 3_600_000, "stale"],
])("a device that %s", (_what, lastSeenAt, pollIntervalMs, expected) => {
  expect(health({ lastSeenAt }, pollIntervalMs)).toBe(expected);
});

test.each<[string, Partial<Parameters<typeof healthOf>[0]>, string]>([
  ["for a day", { offeredAt: ago(dayMs) }, "online"],
  ["for more than a day", { offeredAt: ago(dayMs + 1) }, "stuck"],
  ["and rejected it", { offeredAt: ago(9 * dayMs), state: "rejected" }, "online"],
  ["at a time that is not known", { offeredAt: null }, "online"],
  ["and is silent", { offeredAt: ago(9 * dayMs), lastSeenAt: ago(dayMs) }, "stale"],
])("a device that was offered a newer release %s", (_what, changes, expected) => {
  expect(health({ offeredSequence: 3, ...changes })).toBe(expected);
});

test("two restores a day are no copies; a third epoch or one contradicting report are signs of copies", () => {
  expect(looksCopied({ epochsBegun: 2, conflicts: 0 })).toBe(false);
  expect(looksCopied({ epochsBegun: 3, conflicts: 0 })).toBe(true);
  expect(looksCopied({ epochsBegun: 0, conflicts: 1 })).toBe(true);
});
