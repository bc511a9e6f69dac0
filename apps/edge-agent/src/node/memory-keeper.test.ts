import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepMemorySmall } from "./memory-keeper.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function host() {
  const state = { used: 1e6, garbage: 0 };
  const calls: string[] = [];
  const collect = () => {
    calls.push("collect");
    state.garbage = 0;
  };
  const parts = { arrayBytes: () => state.used + state.garbage, collect, giveBack: () => calls.push("give back") };
  return { state, calls, stop: keepMemorySmall(parts) };
}

test("what a burst of work leaves is collected and given back soon after, once", () => {
  const { state, calls, stop } = host();
  expect(calls.splice(0)).toEqual(["give back"]);
  vi.advanceTimersByTime(10_000);
  expect(calls).toEqual([]);
  state.garbage = 17e6;
  vi.advanceTimersByTime(10_000);
  expect(calls).toEqual(["collect", "give back"]);
  stop();
});

test("what is in use is looked at once and then left alone; a little garbage is, too", () => {
  const { state, calls, stop } = host();
  calls.length = 0;
  state.used = 30e6;
  vi.advanceTimersByTime(10_000);
  expect(calls.splice(0)).toEqual(["collect", "give back"]);
  state.garbage = 3e6;
  vi.advanceTimersByTime(60_000);
  expect(calls).toEqual([]);
  // Less memory is needed now, and the next burst is measured from there.
  state.used = 1e6;
  state.garbage = 0;
  vi.advanceTimersByTime(2_000);
  state.garbage = 10e6;
  vi.advanceTimersByTime(2_000);
  expect(calls).toEqual(["collect", "give back"]);
  stop();
  state.garbage = 50e6;
  vi.advanceTimersByTime(60_000);
  expect(calls).toHaveLength(2);
});

test("the process itself is such a host", () => {
  const stop = keepMemorySmall();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(2_000);
  stop();
  expect(vi.getTimerCount()).toBe(0);
});
