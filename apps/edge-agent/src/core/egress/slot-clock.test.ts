// The numbers of the slots, and the times of their reports, by a virtual clock.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { createVirtualClock } from "@attune/fakes/virtual-clock";
import { egressContract2 } from "@attune/shared/contracts/egress-2";
import { capacityBits, personSizes } from "@attune/shared/contracts/egress-declaration";
import { expect, test } from "vitest";
import { openSlotClock } from "./slot-clock.js";

const { person, messages } = egressContract2;
const slotSizes = personSizes(messages["report.slot"]);
const { signal: never } = new AbortController();

async function openTestClock() {
  const clock = createVirtualClock();
  const store = createMemoryStore(createFaults());
  const hashing = { randomBytes: (length: number) => new Uint8Array(length).fill(128) };
  const open = () => openSlotClock({ store, clock, hashing, rules: () => person });
  const slots = await open();
  async function report(): Promise<void> {
    const { operations, onWritten } = slots.charge(slotSizes, true)!;
    await store.batch([...operations]);
    onWritten();
  }
  return { clock, slots, open, report };
}

test("a reported slot is followed by the next number, with no bits spent", async () => {
  const { clock, slots, report } = await openTestClock();
  expect(await slots.advance()).toMatchObject({ slot: 1, spentBits: 0, budgetBits: 12 });
  await report();
  expect(slots.view()).toMatchObject({ slot: 1, dueInMs: undefined, spentBits: capacityBits(slotSizes) });
  await clock.sleep(person.slotMs, never);
  expect(await slots.advance()).toMatchObject({ slot: 2, spentBits: 0 });
});

test("slots that pass without their report, in a process or between two, leave no gap in the numbers", async () => {
  const { clock, slots, open, report } = await openTestClock();
  await slots.advance();
  await report();
  await clock.sleep(person.slotMs, never);
  expect(await slots.advance()).toMatchObject({ slot: 2 });
  await clock.sleep(person.slotMs, never);
  expect(await slots.advance()).toMatchObject({ slot: 2 });
  await clock.sleep(3 * person.slotMs, never);
  const later = await open();
  expect(await later.advance()).toMatchObject({ slot: 2 });
});
