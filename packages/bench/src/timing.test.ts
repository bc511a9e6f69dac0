import { afterEach, expect, test, vi } from "vitest";
import { contender, summarize, timeInTurn } from "./timing.js";

afterEach(() => void vi.useRealTimers());

test("the median and the percentiles are of the samples in order of size", () => {
  expect(summarize([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])).toEqual({ medianMs: 6, p90Ms: 10, p99Ms: 10 });
  expect(summarize([3])).toEqual({ medianMs: 3, p90Ms: 3, p99Ms: 3 });
});

test("contenders take turns in changing orders, and the slow ones sit rounds out", async () => {
  const turns: string[] = [];
  const one = (name: string) => ({ name, time: () => turns.push(name) });
  await timeInTurn([one("a"), one("b"), { ...one("slow"), every: 4 }], { rounds: 8, warmups: 2 });
  const times = (name: string) => turns.filter((turn) => turn === name).length;
  expect([times("a"), times("b"), times("slow")]).toEqual([10, 10, 2 + 2]);
  const others = turns.filter((turn) => turn !== "slow").join("");
  expect(others).toContain("ab");
  expect(others).toContain("ba");
});

test("a busy machine's time is not spent without end: rounds are left out, and it is said how many there were", async () => {
  let turns = 0;
  const cut: number[] = [];
  const one = { name: "one", time: () => ++turns };
  await timeInTurn([one], { rounds: 80, warmups: 2, budgetMs: 0, onCut: (rounds) => cut.push(rounds) });
  expect([turns, cut]).toEqual([2 + 5, [5]]);
});

test("warming up is not timed, and work that answers later is waited for", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  let calls = 0;
  const late = contender("late", async () => {
    await new Promise(setImmediate);
    vi.advanceTimersByTime(5);
    calls++;
  });
  const [timing] = await timeInTurn([late, { name: "counts", time: () => calls }], { rounds: 1, warmups: 1 });
  expect(calls).toBe(2);
  expect(timing!.medianMs).toBe(5);
});
