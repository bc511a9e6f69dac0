import { expect, test } from "vitest";
import { createCallBudget, defaultCallBudget, networkOf } from "./call-budget.js";

function create() {
  let nowMs = 0;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const budget = createCallBudget({ burst: 3, perSecond: 1, now: () => nowMs });
  return { budget, pass };
}

test("an address that spent its budget is refused until some of it is back, and others are not", () => {
  const { budget, pass } = create();
  expect([1, 2, 3, 4].map(() => budget.take("10.0.0.1"))).toEqual([true, true, true, false]);
  expect(budget.take("10.0.0.2")).toBe(true);
  pass(2_000);
  expect([1, 2, 3].map(() => budget.take("10.0.0.1"))).toEqual([true, true, false]);
});

test("genuine calls cost nothing, however many they are", () => {
  const { budget } = create();
  for (let i = 0; i < 1_000; i++) {
    expect(budget.take("10.0.0.1")).toBe(true);
    budget.giveBack("10.0.0.1");
  }
  budget.giveBack("10.0.0.1");
  expect([1, 2, 3, 4].map(() => budget.take("10.0.0.1"))).toEqual([true, true, true, false]);
});

test("a fleet of a thousand behind one address passes: all of it at once, and its revoked ones for ever", () => {
  let nowMs = 0;
  const budget = createCallBudget({ ...defaultCallBudget, now: () => nowMs });
  const address = "203.0.113.7";
  // A thousand devices come back after a power cut, before the first answer is ready.
  for (let i = 0; i < 1_000; i++) expect(budget.take(address)).toBe(true);
  for (let i = 0; i < 1_000; i++) budget.giveBack(address);
  for (let poll = 0; poll < 30_000; poll++) {
    nowMs += 30;
    // The server gives nothing back for a revoked device.
    expect(budget.take(address)).toBe(true);
  }
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:DB8:1:2::9", "2001:db8:1:2"],
  ["2001:db8::9", "2001:db8:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  ["::1", "0:0:0:0"],
])("%s spends the budget of %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("a host with a whole /64 has one budget", () => {
  const { budget } = create();
  const taken = [1, 2, 3, 4].map((host) => budget.take(`2001:db8::${host}`));
  expect(taken).toEqual([true, true, true, false]);
});
