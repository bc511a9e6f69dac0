// A journal that was cut, reordered, forked or changed is detected.

import { createTestHashing } from "@attune/fakes/node-crypto";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { createContracts } from "@attune/shared/contracts/egress";
import { beforeAll, describe, expect, test } from "vitest";
import { gate } from "./gate.js";
import { emptyJournal, type JournalTip, nextEntry, verifyJournal } from "./journal.js";

const hashing = createTestHashing("journal");
const contracts = createContracts();
const declaration = contracts.declaration(1, "download")!;

async function journalOf(offsets: readonly number[]): Promise<{ entries: JournalEntry[]; tip: JournalTip }> {
  const entries: JournalEntry[] = [];
  let tip = emptyJournal;
  for (const offset of offsets) {
    const message = { type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset };
    const gated = gate({ contracts, nowMs: 0, releases: [] }, "download", message);
    if (!gated.ok) throw new Error(gated.detail);
    const next = await nextEntry(tip, { gated: gated.value, declaration, nowMs: 0 }, hashing);
    entries.push(next.entry);
    tip = next.tip;
  }
  return { entries, tip };
}

describe("a journal", () => {
  let entries: JournalEntry[];
  let tip: JournalTip;
  beforeAll(async () => {
    ({ entries, tip } = await journalOf([0, 4_096, 8_192, 12_288]));
  });

  test("verifies when it is whole, and when it is empty", async () => {
    expect(await verifyJournal(entries, tip, hashing)).toMatchObject({ ok: true });
    expect(await verifyJournal([], emptyJournal, hashing)).toMatchObject({ ok: true });
  });

  test("is found truncated", async () => {
    expect(await verifyJournal(entries.slice(0, 3), tip, hashing)).toMatchObject({ reason: "truncated" });
    expect(await verifyJournal([], tip, hashing)).toMatchObject({ reason: "truncated" });
  });

  test("is found to lack its beginning or an entry in its middle", async () => {
    expect(await verifyJournal(entries.slice(1), tip, hashing)).toMatchObject({ reason: "missing" });
    const cut = [entries[0], entries[2], entries[3]];
    expect(await verifyJournal(cut, tip, hashing)).toMatchObject({ reason: "missing" });
    const renumbered = [entries[0], { ...entries[2], index: 1 }, { ...entries[3], index: 2 }];
    expect(await verifyJournal(renumbered, tip, hashing)).toMatchObject({ reason: "broken" });
  });

  test("is found reordered", async () => {
    const swapped = [entries[0], { ...entries[2], index: 1 }, { ...entries[1], index: 2 }, entries[3]];
    expect(await verifyJournal(swapped, tip, hashing)).toMatchObject({ reason: "broken" });
  });

  test("is found forked: a branch of the same length that ends otherwise", async () => {
    const { entries: branch } = await journalOf([0, 4_096, 8_192, 16_384]);
    expect(await verifyJournal(branch, tip, hashing)).toMatchObject({ reason: "broken" });
  });

  test("is found changed, in the last entry too", async () => {
    const changed = entries.map((entry, i) => (i === 3 ? { ...entry, sizeBytes: 1 } : entry));
    expect(await verifyJournal(changed, tip, hashing)).toMatchObject({ reason: "broken" });
    const withText = entries.map((entry, i) => (i === 1 ? { ...entry, note: "?" } : entry));
    expect(await verifyJournal(withText, tip, hashing)).toMatchObject({ reason: "malformed" });
  });
});
