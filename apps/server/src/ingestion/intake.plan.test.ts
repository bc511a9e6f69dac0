import { expect, test } from "vitest";
import { type KnownDevice, reportsPerDay, sortBatch } from "./intake.plan.js";
import type { IncomingReport } from "./report.parse.js";

const id = "0".repeat(32);
const device: KnownDevice = {
  id,
  fleetName: "home",
  revokedAt: null,
  epochs: [{ epoch: "0123456789abcdef" }, { epoch: "fedcba9876543210" }],
};
const incoming = (sequence: number, epoch = "0123456789abcdef", fleet = "home") =>
  ({
    report: { device: id, epoch, sequence },
    fleet,
    sizeBytes: 1,
    bodySha256: "a",
    streamSequence: sequence,
  }) as unknown as IncomingReport;
const sort = (reports: readonly IncomingReport[], facts: Partial<KnownDevice> | undefined = {}, taken = 0) => {
  const devices = facts === undefined ? [] : [{ ...device, ...facts }];
  const { accepted, refused } = sortBatch(reports, { devices, takenToday: new Map([[id, taken]]) });
  return [accepted.map(({ report }) => report.sequence), refused.map(({ reason }) => reason)];
};

test("reports under every epoch that the device has begun are taken, under others none", () => {
  const reports = [incoming(1), incoming(2, "fedcba9876543210"), incoming(3, "f".repeat(16))];
  expect(sort(reports)).toEqual([[1, 2], ["unknownEpoch"]]);
});

test("a revoked device's reports are refused, and those in another fleet's name", () => {
  expect(sort([incoming(1)], { revokedAt: new Date() })).toEqual([[], ["revokedDevice"]]);
  expect(sort([incoming(1, undefined, "kitchen")])).toEqual([[], ["unknownDevice"]]);
  expect(sortBatch([incoming(1)], { devices: [], takenToday: new Map() }).refused[0]?.reason).toBe("unknownDevice");
});

test("beyond the day's quota a device's reports are refused, in the middle of a batch too", () => {
  const reports = [incoming(1), incoming(2), incoming(3)];
  expect(sort(reports, {}, reportsPerDay - 1)).toEqual([[1], ["overQuota", "overQuota"]]);
});
