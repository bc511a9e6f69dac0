// The clock of the report slots: one report in each, at the drawn time, within the budget, whatever
// the wall clock says.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { createTestHashing } from "@attune/fakes/node-crypto";
import { egressContracts } from "@attune/shared/contracts/egress";
import { capacityBits, type PersonRules } from "@attune/shared/contracts/egress-declaration";
import { beforeEach, describe, expect, test } from "vitest";
import { openSlotClock, type SlotClock } from "./slot-clock.js";

const { person } = egressContracts[2];
const { slotMs, budgetBits } = person;
const yearMs = 365.25 * 86_400_000;
const slotSizes = [901];
const verdictSizes = [4];

/** A device's disk and its two clocks. */
let store: ReturnType<typeof createMemoryStore>;
let steadyMs: number;
let wallMs: number;
let rules: PersonRules | undefined;
let clock: SlotClock;

function open(): Promise<SlotClock> {
  return openSlotClock({
    store,
    clock: { monotonicMs: () => steadyMs, nowMs: () => wallMs, sleep: async () => {} },
    hashing: createTestHashing("slots"),
    rules: () => rules,
    reportSizes: () => slotSizes,
  });
}

function pass(ms: number): void {
  steadyMs += ms;
  wallMs += ms;
}

/** A new process: its steady clock begins anew, and `ms` have passed on the wall clock alone. */
async function restartAfter(ms: number): Promise<void> {
  steadyMs = 0;
  wallMs += ms;
  clock = await open();
}

async function take(sizes: readonly number[], isSlotReport: boolean): Promise<void> {
  const charge = clock.charge(sizes, isSlotReport)!;
  await store.batch(charge.operations);
  charge.onWritten();
}

const now = async () => (await clock.advance())!;

/** Lets the drawn time come, and takes the slot's report. */
async function report(): Promise<void> {
  pass((await now()).dueInMs!);
  await take(slotSizes, true);
}

beforeEach(async () => {
  store = createMemoryStore(createFaults());
  steadyMs = 1_000;
  wallMs = Date.UTC(2026, 10, 22);
  rules = person;
  clock = await open();
});

describe("the clock of the report slots", () => {
  test("draws the time of a report inside the slot when the slot begins, anywhere in the slot", async () => {
    const shares: number[] = [];
    for (let slot = 1; slot <= 200; slot++) {
      const view = await now();
      expect(view).toMatchObject({ slot, endsInMs: slotMs, spentBits: 0, budgetBits });
      shares.push(view.dueInMs! / slotMs);
      await report();
      pass((await now()).endsInMs);
    }
    for (let tenth = 0; tenth < 10; tenth++) {
      expect(shares.filter((share) => Math.floor(share * 10) === tenth).length, `tenth ${tenth}`).toBeGreaterThan(5);
    }
    expect(Math.max(...shares)).toBeLessThan(1);
  });

  test("keeps the drawn time through restarts", async () => {
    const { dueInMs } = await now();
    pass(1_000);
    await restartAfter(2_000);
    expect(await now()).toMatchObject({ slot: 1, dueInMs: dueInMs! - 3_000, endsInMs: slotMs - 3_000 });
    await restartAfter(slotMs - 3_001);
    expect(await now()).toMatchObject({ slot: 1, dueInMs: 0, endsInMs: 1 });
  });

  test("takes a report at its time and not before, and one in a slot", async () => {
    const { dueInMs } = await now();
    pass(dueInMs! - 2);
    expect(() => clock.charge(slotSizes, true)).toThrow("is not due");
    pass(2);
    await take(slotSizes, true);
    expect((await now()).dueInMs).toBeUndefined();
    expect(() => clock.charge(slotSizes, true)).toThrow("is not due");
    await restartAfter(0);
    expect(() => clock.charge(slotSizes, true)).toThrow("is not due");
    pass(slotMs);
    await report();
    expect(await now()).toMatchObject({ slot: 2, dueInMs: undefined });
  });

  test("takes one report in a slot even where nothing in the report is about the person any more", async () => {
    pass((await now()).dueInMs!);
    await take([], true);
    expect(await now()).toMatchObject({ dueInMs: undefined, spentBits: 0 });
    expect(() => clock.charge([], true)).toThrow("is not due");
  });

  test("takes one verdict beside the report, before it or after it, and no second", async () => {
    for (const isFirst of [true, false]) {
      await now();
      if (!isFirst) await report();
      await take(verdictSizes, false);
      expect(() => clock.charge(verdictSizes, false)).toThrow("no room");
      await restartAfter(0);
      expect(() => clock.charge(verdictSizes, false)).toThrow("no room");
      if (isFirst) await report();
      expect((await now()).spentBits).toBe(capacityBits([901, 4]));
      expect(capacityBits([901, 4])).toBeLessThan(budgetBits);
      pass(slotMs);
    }
  });

  test("counts nothing under a contract without slots, and resumes its slot under the next that has them", async () => {
    await report();
    const { endsInMs } = await now();
    rules = undefined;
    expect(await clock.advance()).toBeUndefined();
    expect(clock.view()).toBeUndefined();
    expect(clock.charge(slotSizes, true)).toBeUndefined();
    pass(endsInMs - 1);
    rules = person;
    expect(await now()).toMatchObject({ slot: 1, endsInMs: 1, dueInMs: undefined });
  });

  test("gives the number of a slot that passed without its report to the next slot", async () => {
    await report();
    for (const ms of [slotMs, slotMs, 3 * slotMs]) {
      pass(ms);
      expect(await now()).toMatchObject({ slot: 2, spentBits: 0 });
      await restartAfter(0);
    }
  });

  describe("with a device that was off", () => {
    test("for three slots begins one slot, on the grid of the slots before", async () => {
      await report();
      const { endsInMs } = await now();
      await restartAfter(endsInMs + 3 * slotMs + 5_000);
      const view = await now();
      expect(view).toMatchObject({ slot: 2, endsInMs: slotMs - 5_000 });
      expect(view.dueInMs).toBeLessThan(slotMs - 5_000);
    });

    test("at the drawn time reports when it is on again", async () => {
      const { dueInMs } = await now();
      await restartAfter(dueInMs! + 1);
      expect(await now()).toMatchObject({ slot: 1, dueInMs: 0 });
    });
  });

  describe.each([10, -10])("with a wall clock that is set by %i years", (years) => {
    test("while the agent runs keeps its slot and its time", async () => {
      const { dueInMs } = await now();
      wallMs += years * yearMs;
      expect(await now()).toMatchObject({ slot: 1, dueInMs });
      pass(dueInMs!);
      await take(slotSizes, true);
      pass(slotMs - dueInMs!);
      expect(await now()).toMatchObject({ slot: 2, endsInMs: slotMs });
    });

    test("while the agent is off begins one slot at most, and comes back to slots of the whole length", async () => {
      await report();
      await restartAfter(years * yearMs);
      await restartAfter(-years * yearMs);
      const { slot } = await now();
      expect(slot).toBeLessThanOrEqual(2);
      if (slot === 2) await report();
      for (let further = 1; further <= 3; further++) {
        pass((await now()).endsInMs);
        expect(await now()).toMatchObject({ slot: slot + further, endsInMs: slotMs });
        await report();
      }
    });
  });

  test("with a wall clock that is set back between all runs lets no time pass but that of the runs", async () => {
    await report();
    const { endsInMs } = await now();
    for (let day = 0; day < 5; day++) await restartAfter(-86_400_000);
    expect(await now()).toMatchObject({ slot: 1 });
    expect((await now()).endsInMs).toBeGreaterThanOrEqual(endsInMs);
    pass(slotMs);
    expect(await now()).toMatchObject({ slot: 2 });
  });

  test("counts a verdict under the number that passes on, so that no number exceeds the budget", async () => {
    await now();
    await take(verdictSizes, false);
    await restartAfter(slotMs + 1);
    expect(await now()).toMatchObject({ slot: 1, spentBits: 2 });
    expect(() => clock.charge(verdictSizes, false)).toThrow("no room");
    await report();
    pass(slotMs);
    expect(await now()).toMatchObject({ slot: 2, spentBits: 0 });
  });
});
