import { expect, test } from "vitest";
import type { Clock } from "../ports.js";
import { createPace } from "./pace.js";

function steppingClock() {
  let nowMs = 0;
  let rests = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => {
      rests++;
      nowMs += 1_000;
    },
  };
  return {
    clock,
    pass: (ms: number) => {
      nowMs += ms;
    },
    rests: () => rests,
  };
}

test("work rests after a stretch of it and not before, and its own time leaves the rests out", async () => {
  const { clock, pass, rests } = steppingClock();
  const pace = createPace(clock);
  pass(1);
  await pace.yieldToOthers();
  expect(rests()).toBe(0);
  pass(3);
  await pace.yieldToOthers();
  expect(rests()).toBe(1);
  pass(3);
  expect(pace.workedMs()).toBe(7);
});
