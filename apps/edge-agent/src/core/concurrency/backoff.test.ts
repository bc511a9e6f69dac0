// Pauses grow to a limit and differ between devices, and a next pause always follows.

import { createTestHashing } from "@attune/fakes/node-crypto";
import { describe, expect, test } from "vitest";
import type { Clock } from "../ports.js";
import { createBackoff, withJitter } from "./backoff.js";

const signal = new AbortController().signal;

function pausesOf(seed: string): { pauses: number[]; clock: Clock; backoff: ReturnType<typeof createBackoff> } {
  const pauses: number[] = [];
  const clock: Clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async (ms) => void pauses.push(ms) };
  const range = { minMs: 500, maxMs: 300_000 };
  return { pauses, clock, backoff: createBackoff({ clock, hashing: createTestHashing(seed), range }) };
}

describe("the back-off", () => {
  test("doubles up to its limit, with jitter, for ever", async () => {
    const { pauses, backoff } = pausesOf("a");
    for (let i = 0; i < 200; i++) await backoff.pause(signal);
    for (const [i, ms] of pauses.entries()) {
      const fullMs = Math.min(300_000, 500 * 2 ** i);
      expect(ms).toBeGreaterThanOrEqual(fullMs / 2);
      expect(ms).toBeLessThanOrEqual(fullMs);
    }
    backoff.reset();
    await backoff.pause(signal);
    expect(pauses.at(-1)).toBeLessThanOrEqual(500);
  });

  test("is another one on another device", async () => {
    const [one, other] = [pausesOf("a"), pausesOf("b")];
    await one.backoff.pause(signal);
    await other.backoff.pause(signal);
    expect(one.pauses).not.toEqual(other.pauses);
  });

  test("spreads polls by a tenth to either side", () => {
    const hashing = createTestHashing("polls");
    const intervals = Array.from({ length: 500 }, () => withJitter(1_000, hashing));
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...intervals)).toBeLessThanOrEqual(1_100);
    expect(Math.max(...intervals) - Math.min(...intervals)).toBeGreaterThan(150);
  });
});
