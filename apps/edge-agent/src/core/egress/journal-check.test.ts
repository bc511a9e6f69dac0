// Whether a journal is still the chain that was written; checked at every start.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore, type MemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher, createTestHashing } from "@attune/fakes/node-crypto";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { createContracts } from "@attune/shared/contracts/egress";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { putRecord } from "../storage/records.js";
import { gate } from "./gate.js";
import { emptyJournal, type JournalTip, journalKey, nextEntry } from "./journal.js";
import { checkedAtOnce, checkJournal } from "./journal-check.js";

const hashing = createTestHashing("journal");
const contracts = createContracts();
const declaration = contracts.declaration(1, "download")!;
const cipher = createTestCipher();
const count = 2 * checkedAtOnce + 100;
/** The tip after each number of entries. */
const tips: JournalTip[] = [emptyJournal];
const entries: JournalEntry[] = [];

beforeAll(async () => {
  for (let i = 0; i < count; i++) {
    const sha256 = i.toString(16).padStart(64, "0");
    const gated = gate({ contracts, nowMs: 0, releases: [] }, "download", {
      type: "download",
      contract: 1,
      what: "chunks",
      sha256,
      offset: 0,
    });
    if (!gated.ok) throw new Error(gated.detail);
    const { entry, tip } = await nextEntry(tips.at(-1)!, { gated: gated.value, declaration, nowMs: 0 }, hashing);
    entries.push(entry);
    tips.push(tip);
  }
});

let store: MemoryStore;
beforeEach(() => {
  store = createMemoryStore(createFaults());
});

async function write(from: number, to: number): Promise<void> {
  await store.batch(entries.slice(from, to).map((entry) => putRecord(journalKey(entry.index), entry)));
}
const check = (tip: JournalTip) => checkJournal({ store, cipher, hashing }, tip);
/** One start and the next message. */
async function live(tip: JournalTip): Promise<void> {
  const { note } = await check(tip);
  await store.batch([await note(tip)]);
}
const change = (index: number) => store.batch([putRecord(journalKey(index), { ...entries[index]!, sizeBytes: 1 })]);

/** The number of entries that a start reads. */
async function readBy(work: () => Promise<unknown>): Promise<number> {
  const { get } = store;
  let reads = 0;
  store.get = (key) => {
    if (key.startsWith("journal/")) reads++;
    return get(key);
  };
  await work();
  store.get = get;
  return reads;
}

describe("the journal's chain", () => {
  test.each([0, 1, 130, 299])("is found broken at its first start where entry %d was changed", async (index) => {
    await write(0, 300);
    await change(index);
    const before = new Map(store.contents);
    await expect(check(tips[300]!)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(store.contents).toEqual(before);
  });

  test("is found broken where an entry is missing, exchanged, cut off or added", async () => {
    await write(0, 40);
    await check(tips[20]!).then(
      () => expect.unreachable(),
      (error) => expect(error.message).toContain("entry 20 was never written"),
    );
    await store.batch([{ type: "delete", key: journalKey(7) }]);
    await expect(check(tips[40]!)).rejects.toThrow("entry 7 is missing");
    await store.batch([putRecord(journalKey(7), { ...entries[8]!, index: 7 })]);
    await expect(check(tips[40]!)).rejects.toThrow("entry 7 does not continue");
    await write(7, 8);
    await live(tips[40]!);
    await store.batch([{ type: "delete", key: journalKey(39) }]);
    // Whoever cuts entries and ledger alike cannot cut the sealed note.
    await expect(check(tips[39]!)).rejects.toThrow("40 were checked once");
  });

  test("is checked at a start as far as it is new, and a piece of the rest, until all has been checked again", async () => {
    await write(0, count);
    expect(await readBy(() => live(tips[count]!))).toBeGreaterThanOrEqual(count);
    await change(300);
    expect(await readBy(() => live(tips[count]!))).toBeLessThanOrEqual(checkedAtOnce + 2);
    await expect(check(tips[count]!)).rejects.toThrow("entry 301 does not continue");
    await write(300, 301);
    await live(tips[count]!);
    await change(count - 1);
    await expect(check(tips[count]!)).rejects.toThrow(`entry ${count - 1} is not the one that was written`);
    await write(count - 1, count);
    await live(tips[count]!);
    await change(0);
    await expect(check(tips[count]!)).rejects.toThrow("entry 1 does not continue");
  });

  test("has little to check at a start, however much was written since the last one", async () => {
    await write(0, 10);
    const { note } = await check(tips[10]!);
    await write(10, 600);
    await store.batch([await note(tips[600]!)]);
    expect(await readBy(() => check(tips[600]!))).toBeLessThanOrEqual(checkedAtOnce + 2);
  });

  test("is not believed to be checked where the note was not written here", async () => {
    await write(0, 10);
    await live(tips[10]!);
    const note = store.contents.get("journal-checked")!;
    note[note.length - 1]! ^= 1;
    await expect(check(tips[10]!)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  });
});
