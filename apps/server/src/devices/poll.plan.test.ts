import { expect, test } from "vitest";
import { maxPolls, standingOf } from "./poll.plan.js";

const noon = Date.UTC(2026, 0, 1, 12);
const yearMs = 365 * 86_400_000;
const device = { epoch: "e1", pollSequence: 100, enrolledAt: new Date(noon - yearMs), lastSeenAt: new Date(noon) };
const standing = (poll: { epoch?: string; sequence: number }, nowMs = noon) =>
  standingOf({ epoch: "e1", ...poll }, device, nowMs);

test("a poll ahead of the last one is the device's word, one at it or before it is not", () => {
  expect(standing({ sequence: 101 })).toBe("ahead");
  expect(standing({ sequence: 100 })).toBe("behind");
  expect(standing({ sequence: 1 })).toBe("behind");
  expect(standing({ epoch: "e2", sequence: 101 })).toBe("anotherEpoch");
});

test("a poll that claims the last number there is was never made", () => {
  expect(standing({ sequence: 2_147_483_647 }, noon + 60_000)).toBe("impossible");
  expect(standing({ sequence: 2_147_483_647 }, noon + yearMs)).toBe("impossible");
});

test("a device that polled as fast as it can, through years without an answer, is believed", () => {
  // Half of the shortest back-off at first, half of the longest after ten doublings.
  const offline = (years: number) => 100 + 12 + Math.ceil((years * yearMs) / 150_000);
  expect(standing({ sequence: offline(10) }, noon + 10 * yearMs)).toBe("ahead");
  // This server's clock was ten years ahead at the device's last poll.
  expect(standing({ sequence: offline(4) }, noon - 10 * yearMs)).toBe("ahead");
  // The device polled at the shortest interval of the contract, and the database was then restored from a copy
  // of a month ago.
  const month = 30 * 86_400_000;
  expect(standing({ sequence: 100 + month / 90 }, noon + month)).toBe("ahead");
});

test("what a device may have polled grows with the time, and never below the allowance", () => {
  expect(maxPolls(-yearMs)).toBe(maxPolls(0));
  expect(maxPolls(yearMs)).toBeGreaterThan(maxPolls(0));
});
