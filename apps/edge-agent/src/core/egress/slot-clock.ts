// The clock of the report slots: one report about the person in each, at a time drawn beforehand.
// It also holds the budget of bits that all messages about the person share.
// An update's slots (active, candidate) are another thing.

import { capacityBits, type PersonRules } from "@attune/shared/contracts/egress-declaration";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { resumeTimer } from "../concurrency/lasting-timer.js";
import type { Clock, Hashing, Store } from "../ports.js";
import type { PendingChange } from "../storage/pending-change.js";
import { putRecord, readRecord } from "../storage/records.js";

const key = "report-slot";
const recordSchema = z.strictObject({
  version: z.literal(1),
  /** The number of the slot under way; 0 before the first. */
  slot: z.int().min(0),
  /** The rest of the slot, and the time until its report is due, when the wall clock showed `wallMs`. */
  leftMs: z.number(),
  dueMs: z.number(),
  wallMs: z.number(),
  reported: z.boolean(),
  /** The sizes of the domains about the person that have left in this slot. */
  spent: z.array(z.int().min(2)),
});
type SlotRecord = z.infer<typeof recordSchema>;

const beforeTheFirst: SlotRecord = { version: 1, slot: 0, leftMs: 0, dueMs: 0, wallMs: 0, reported: true, spent: [] };

export interface SlotView {
  readonly slot: number;
  readonly endsInMs: number;
  /** Undefined where the slot's report has left. */
  readonly dueInMs: number | undefined;
  readonly spentBits: number;
  readonly budgetBits: number;
}

export interface SlotClock {
  /** The slot under way, or the last one. Undefined where the contract has no slots. */
  view(): SlotView | undefined;
  /** Begins the next slot where the last one is over, and returns the slot under way. */
  advance(): Promise<SlotView | undefined>;
  /**
   * Counts what is about to leave about the person. Throws EGRESS_DENIED where the slot has no room, and where the
   * slot's report is not due or has left. Undefined where nothing is counted.
   */
  charge(sizes: readonly number[], isSlotReport: boolean): PendingChange | undefined;
}

interface SlotClockParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly hashing: Pick<Hashing, "randomBytes">;
  /** The rules of the contract that new messages speak. */
  readonly rules: () => PersonRules | undefined;
  /** The sizes of the domains about the person in the slot's report, whose room is kept until the report leaves. */
  readonly reportSizes: () => readonly number[];
}

/** The record of the slot, whose times go by. */
interface SlotTimes {
  /** The record as it reads now. */
  current(): SlotRecord;
  changed(next: SlotRecord): PendingChange;
  write(next: SlotRecord): Promise<void>;
}

async function openSlotTimes({ store, clock }: Pick<SlotClockParts, "store" | "clock">): Promise<SlotTimes> {
  let record = (await readRecord(store, key, recordSchema)) ?? beforeTheFirst;
  const timer = resumeTimer(clock, record.wallMs);
  if (timer.wasSetBack) await write({ ...record, wallMs: clock.nowMs() });

  function current(): SlotRecord {
    const passedMs = timer.elapsedMs();
    return { ...record, leftMs: record.leftMs - passedMs, dueMs: record.dueMs - passedMs, wallMs: clock.nowMs() };
  }

  function changed(next: SlotRecord): PendingChange {
    return {
      operations: [putRecord(key, next)],
      onWritten() {
        record = next;
        timer.restart();
      },
    };
  }

  async function write(next: SlotRecord): Promise<void> {
    const { operations, onWritten } = changed(next);
    await store.batch(operations);
    onWritten();
  }

  return { current, changed, write };
}

/** A device that was off for several slots skips them. */
export async function openSlotClock({ store, clock, hashing, rules, reportSizes }: SlotClockParts): Promise<SlotClock> {
  const { current, changed, write } = await openSlotTimes({ store, clock });

  async function advance(): Promise<SlotView | undefined> {
    const limits = rules();
    if (limits === undefined) return undefined;
    const { slotMs } = limits;
    const last = current();
    if (last.leftMs <= 0) {
      const leftMs = last.slot === 0 ? slotMs : slotMs - (-last.leftMs % slotMs);
      const dueMs = Math.floor(drawFraction(hashing) * leftMs);
      await write({
        version: 1,
        // A slot that passed without its report gives its number on, so that the numbers in the journal have no gap.
        // Bits that left under the number still count, so that the budget holds for each number.
        slot: last.reported ? last.slot + 1 : last.slot,
        leftMs,
        dueMs,
        wallMs: clock.nowMs(),
        reported: false,
        spent: last.reported ? [] : last.spent,
      });
    }
    return view();
  }

  function view(): SlotView | undefined {
    const limits = rules();
    if (limits === undefined) return undefined;
    const { slot, leftMs, dueMs, reported, spent } = current();
    const dueInMs = reported ? undefined : Math.max(0, dueMs);
    const { budgetBits } = limits;
    return { slot, endsInMs: Math.max(0, leftMs), dueInMs, spentBits: capacityBits(spent), budgetBits };
  }

  function charge(sizes: readonly number[], isSlotReport: boolean): PendingChange | undefined {
    const limits = rules();
    if (limits === undefined || (sizes.length === 0 && !isSlotReport)) return undefined;
    const next = current();
    if (isSlotReport && (next.reported || next.dueMs >= 1)) {
      throw new AppError("EGRESS_DENIED", `the report of slot ${next.slot} is not due`);
    }
    const spent = [...next.spent, ...sizes];
    const reported = next.reported || isSlotReport;
    if (capacityBits(reported ? spent : [...spent, ...reportSizes()]) > limits.budgetBits) {
      throw new AppError("EGRESS_DENIED", `slot ${next.slot} has no room for more about the person`);
    }
    return changed({ ...next, spent, reported });
  }

  return { view, advance, charge };
}

/** Uniform in 0 … 1. */
function drawFraction({ randomBytes }: Pick<Hashing, "randomBytes">): number {
  return new DataView(randomBytes(4).buffer).getUint32(0) / 2 ** 32;
}
