// Any single damage to a journal is found, in a list of entries and in the store. An undamaged journal passes, and so
// does each of its beginnings.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { createTestCipher, createTestHashing, sha256Hex } from "@attune/fakes/node-crypto";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyJournal, type JournalTip, journalKey, verifyJournal } from "./journal.js";
import { checkJournal } from "./journal-check.js";

const hashing = createTestHashing("journal");
const cipher = createTestCipher();

/** A chain of downloads at these offsets, and its tip after each entry. */
function chainOf(offsets: readonly number[]): { entries: JournalEntry[]; tips: JournalTip[] } {
  const entries: JournalEntry[] = [];
  const tips = [emptyJournal];
  for (const [index, offset] of offsets.entries()) {
    const entry: JournalEntry = {
      // The first agents began this journal; later agents continued it.
      ...(index < 3 ? { version: 1, capacityBits: 7 } : { version: 2, day: 20_000, domainSizes: [2, 65] }),
      index,
      previous: tips[index]!.sha256,
      type: "download",
      path: "https",
      sequence: 0,
      sizeBytes: 78,
      sha256: sha256Hex(canonicalBytes(offset)),
      message: { type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset },
    };
    entries.push(entry);
    tips.push({ count: index + 1, sha256: sha256Hex(canonicalBytes(entry)) });
  }
  return { entries, tips };
}

const chains = fc.array(fc.nat(10 ** 9), { minLength: 2, maxLength: 12 }).map(chainOf);

const changes: readonly ((entry: JournalEntry) => JournalEntry)[] = [
  (entry) => ({ ...entry, index: entry.index + 1 }),
  (entry) => ({ ...entry, previous: sha256Hex(canonicalBytes(entry.previous)) }),
  (entry) => ({ ...entry, type: "poll" }),
  (entry) => ({ ...entry, path: "nats" }),
  (entry) => ({ ...entry, sequence: entry.sequence + 1 }),
  (entry) => ({ ...entry, sizeBytes: entry.sizeBytes + 1 }),
  (entry) => ({ ...entry, sha256: sha256Hex(canonicalBytes(entry.sha256)) }),
  (entry) =>
    entry.version === 1
      ? { ...entry, capacityBits: entry.capacityBits + 1 }
      : { ...entry, domainSizes: [...entry.domainSizes, 2] },
  (entry) => ({ ...entry, message: { ...entry.message, offset: -1 } }),
];

type Damage = (entries: readonly JournalEntry[], at: number, change: number) => JournalEntry[];

const damages: Readonly<Record<string, Damage>> = {
  changed: (entries, at, change) => entries.with(at, changes[change]!(entries[at]!)),
  removed: (entries, at) => entries.toSpliced(at, 1),
  swapped: (entries, at) => {
    const other = (at + 1) % entries.length;
    return entries.with(at, entries[other]!).with(other, entries[at]!);
  },
  duplicated: (entries, at) => entries.toSpliced(at, 0, entries[at]!),
  truncated: (entries, at) => entries.slice(0, at),
};

const cases = fc.record({
  chain: chains,
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  change: fc.nat(changes.length - 1),
});

describe("a journal", () => {
  test("passes when it is unchanged, and so does each of its beginnings", async () => {
    await fc.assert(
      fc.asyncProperty(chains, async ({ entries, tips }) => {
        for (const tip of tips) {
          expect(await verifyJournal(entries.slice(0, tip.count), tip, hashing)).toEqual({ ok: true, value: tip });
        }
      }),
    );
  });

  test.each(Object.entries(damages))("is found %s at any place", async (_, damage) => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ chain: { entries, tips }, place, change }) => {
        const damaged = damage(entries, Math.floor(place * entries.length), change);
        expect((await verifyJournal(damaged, tips.at(-1)!, hashing)).ok).toBe(false);
      }),
    );
  });

  test.each(Object.entries(damages))("is found %s in the store, and nothing is written", async (_, damage) => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ chain: { entries, tips }, place, change }) => {
        const faults = createFaults();
        const store = createMemoryStore(faults);
        const damaged = damage(entries, Math.floor(place * entries.length), change);
        for (const [i, entry] of damaged.entries()) store.contents.set(journalKey(i), canonicalBytes(entry));
        const checked = checkJournal({ store, cipher, hashing }, tips.at(-1)!);
        await expect(checked).rejects.toMatchObject({ code: "STORE_CORRUPT" });
        expect(faults.steps).toBe(0);
      }),
    );
  });
});
