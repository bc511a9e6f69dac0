// The audit under contracts with slots: any journal that keeps to them is consistent, and each way of saying more about
// the person is found.

import { createJournal, type JournalMessage } from "@attune/fakes/journal";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { verdicts } from "@attune/shared/contracts/current-state";
import { createContracts, demoContract, demoContracts } from "@attune/shared/contracts/egress";
import { capacityBits, personSizes } from "@attune/shared/contracts/egress-declaration";
import { lettersOf } from "@attune/shared/contracts/letters";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AuditResult, auditJournal as auditWith } from "./journal-audit.js";

const contracts = createContracts(demoContracts);
const bitsOf = (type: string) => capacityBits(personSizes(contracts.declaration(2, type)!));
const slotBits = bitsOf("report.slot");
const verdictBits = bitsOf("report.verdict");

/** A message without its device, epoch and sequence. */
type Said = Readonly<Record<string, string | number | null>> & { readonly type: string };

const count = fc.integer({ min: -2, max: 27 }).map((half) => 2 * half);
const block = fc.option(fc.record({ rightPrior: count, rightAnswering: count }));
const verdict = fc.constantFrom(...verdicts).map((word): Said => ({ type: "report.verdict", verdict: word }));
const others = fc.array(
  fc.constantFrom<Said>(
    { type: "poll", state: "testing", reason: "none" },
    { type: "report.device", engine: "wasm", predictP50: 250, predictP90: 500 },
    { type: "report.state", state: "failed", reason: "network" },
    { type: "download", what: "chunks", sha256: "a".repeat(64) },
  ),
  { maxLength: 2 },
);

/** One slot: its report, and one verdict at most, before or after the report. */
const slots = fc.record({ block, verdict: fc.option(verdict), isBefore: fc.boolean(), before: others, after: others });
type Slot = typeof slots extends fc.Arbitrary<infer T> ? T : never;

function saidIn({ block, verdict, isBefore, before, after }: Slot, slot: number): Said[] {
  const verdicts = verdict === null ? [] : [verdict];
  const counts = block ?? { rightPrior: null, rightAnswering: null };
  const report = { type: "report.slot", slot, ...counts };
  return isBefore ? [...before, ...verdicts, report, ...after] : [...before, report, ...verdicts, ...after];
}

/** Numbers the messages as a device does, and journals them. */
function journalOf(said: readonly Said[], contract: number, day?: number): JournalEntry[] {
  const sequences = { poll: 0, report: 0 };
  const messages = said.map(({ type, ...fields }): JournalMessage => {
    if (type === "download") return { type, contract, ...fields };
    const sequence = ++sequences[type === "poll" ? "poll" : "report"];
    const identity = { device: "0".repeat(32), epoch: "0".repeat(16), sequence, releaseSequence: 1 };
    return { type, contract, ...identity, ...fields };
  });
  return createJournal(messages, { contracts, ...(day === undefined ? {} : { day }) });
}

function audit(journal: readonly JournalEntry[]): AuditResult {
  const reports = journal
    .filter(({ path }) => path === "nats")
    .map(({ message, sha256 }) => ({ epoch: String(message.epoch), sequence: Number(message.sequence), sha256 }));
  return auditWith(journal, reports, contracts);
}

const lives = fc.record({ slots: fc.array(slots, { maxLength: 8 }), contract: fc.constantFrom(2, demoContract) });
const livesWithSlots = lives.filter(({ slots }) => slots.length > 0);
const saidInAll = (all: readonly Slot[]) => all.flatMap((slot, i) => saidIn(slot, i + 1));

describe("the audit of a device that keeps to its slots", () => {
  test("finds nothing, and states the bits about the person, ever and in the last slot", () => {
    fc.assert(
      fc.property(lives, ({ slots, contract }) => {
        const { verdict, faults, personBits, letters } = audit(journalOf(saidInAll(slots), contract));
        expect({ verdict, faults }).toEqual({ verdict: "consistent", faults: [] });
        const given = slots.filter((slot) => slot.verdict !== null).length;
        expect(personBits.ever).toBeCloseTo(slots.length * slotBits + given * verdictBits, 9);
        expect(personBits.ever).toBeLessThanOrEqual(12 * slots.length);
        expect(letters.ever).toBe(lettersOf(personBits.ever));
        if (slots.length === 0) expect(personBits.lastSlot).toBeNull();
        else expect(personBits.lastSlot!.slot).toBeGreaterThanOrEqual(slots.length - 1);
      }),
    );
  });

  test("counts a verdict before the first report, and after the last, in a slot of its own", () => {
    const verdictAlone = audit(journalOf([{ type: "report.verdict", verdict: "better" }], 2));
    expect(verdictAlone).toMatchObject({ faults: [], personBits: { ever: 2, lastSlot: { slot: 1, bits: 2 } } });
    expect(verdictAlone.letters).toEqual({ ever: 1, lastSlot: 1 });
    const slot = { block: null, verdict: null, isBefore: false, before: [], after: [] };
    const word: Said = { type: "report.verdict", verdict: "worse" };
    const twoSlots = audit(journalOf([...saidIn(slot, 1), word, word], 2));
    expect(twoSlots.faults).toEqual([]);
    expect(twoSlots.personBits.lastSlot).toEqual({ slot: 2, bits: 2 });
  });

  test("counts no bits for fields whose last day is over, and finds fields that end early or late", () => {
    const ended: readonly Said[] = [{ type: "report.slot", slot: 1 }, { type: "report.verdict" }, { type: "poll" }];
    const lastDay = Date.UTC(2028, 5, 30) / 86_400_000;
    expect(audit(journalOf(ended, 2, lastDay))).toMatchObject({
      verdict: "consistent",
      personBits: { ever: 0, lastSlot: { slot: 1, bits: 0 } },
      letters: { ever: 0, lastSlot: 0 },
    });
    expect(audit(journalOf(ended, 2, lastDay - 1)).faults).toEqual([
      "entry 0: its rightPrior is left out before 2028-06-30",
      "entry 0: its rightAnswering is left out before 2028-06-30",
      "entry 1: its verdict is left out before 2028-06-30",
      "entry 2: its state is left out before 2028-06-30",
      "entry 2: its reason is left out before 2028-06-30",
    ]);
    const late = journalOf([{ type: "report.verdict", verdict: "same" }], 2, lastDay + 1);
    expect(audit(late).faults).toEqual(["entry 0: its verdict is there after 2028-06-30"]);
  });
});

/** The places of all entries that are reports of slots. */
const placesOfSlots = (said: readonly Said[]) =>
  said.flatMap(({ type }, place) => (type === "report.slot" ? [place] : []));

describe("the audit of a device that says more about its person", () => {
  test("finds a second report of a slot by its entry", () => {
    fc.assert(
      fc.property(livesWithSlots, fc.nat(), block, ({ slots, contract }, nth, block) => {
        const said = saidInAll(slots);
        const places = placesOfSlots(said);
        const place = places[nth % places.length]!;
        const again: Said = { ...said[place]!, ...(block ?? { rightPrior: null, rightAnswering: null }) };
        const { verdict, faults } = audit(journalOf(said.toSpliced(place + 1, 0, again), contract));
        expect(verdict).toBe("inconsistent");
        expect(faults).toContain(`entry ${place + 1}: slot ${again.slot} has a second report.slot`);
        expect(faults.filter((fault) => !fault.startsWith(`entry ${place + 1}:`)).join()).not.toContain("expected");
      }),
    );
  });

  test("finds a slot without a report by the report of the next slot", () => {
    fc.assert(
      fc.property(livesWithSlots, fc.nat(), ({ slots, contract }, nth) => {
        const said = [
          ...saidInAll(slots),
          { type: "report.slot", slot: slots.length + 1, rightPrior: 0, rightAnswering: 0 },
        ];
        const places = placesOfSlots(said);
        const [place, next] = places.slice(nth % slots.length) as [number, number];
        const { faults } = audit(journalOf(said.toSpliced(place, 1), contract));
        const left = Number(said[place]!.slot);
        expect(faults).toContain(`entry ${next - 1}: its slot is ${left + 1}, expected ${left}`);
      }),
    );
  });

  test("finds more verdicts than slots by the slot that they overdraw", () => {
    fc.assert(
      fc.property(livesWithSlots, fc.nat(), verdict, ({ slots, contract }, nth, word) => {
        const quiet = slots.map((slot) => ({ ...slot, verdict: null }));
        const said = saidInAll(quiet);
        const places = placesOfSlots(said);
        const place = places[nth % places.length]!;
        const slot = Number(said[place]!.slot);
        // One verdict fits into the slot of the report, and one into the next slot, whose own report leaves
        // no room for more.
        const last: Said = { type: "report.slot", slot: slots.length + 1, rightPrior: null, rightAnswering: null };
        const full = [...said, last].toSpliced(place + 1, 0, word, word);
        expect(audit(journalOf(full, contract)).faults).toEqual([]);
        const { verdict, faults } = audit(journalOf(full.toSpliced(place + 1, 0, word), contract));
        expect(verdict).toBe("inconsistent");
        expect(faults.join()).toContain(
          `: slot ${slot + 1} has 13.82 bits about the person, more than its budget of 12`,
        );
      }),
    );
  });

  test("finds a report whose padding was left out or changed", () => {
    fc.assert(
      fc.property(livesWithSlots, fc.nat(), fc.constantFrom(0, -1, 1), ({ slots, contract }, nth, more) => {
        const said = saidInAll(slots);
        const places = placesOfSlots(said);
        const place = places[nth % places.length]!;
        const journal = journalOf(said, contract);
        const { message, sizeBytes } = journal[place]!;
        const json = new TextDecoder().decode(canonicalBytes(message));
        const body = new TextEncoder().encode(more === 0 ? json : json.padEnd(sizeBytes + more, " "));
        const changed = { ...journal[place]!, sizeBytes: body.length, sha256: sha256Of(body) };
        const { verdict, faults } = audit(journal.with(place, changed));
        expect(verdict).toBe("inconsistent");
        expect(faults[0]).toBe(`entry ${place}: its size or hash is not that of its message`);
      }),
    );
  });
});
