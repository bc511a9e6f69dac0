// The audit of any whole journal finds nothing. The audit after one falsification finds exactly that falsification.

import { createJournal, type JournalMessage } from "@attune/fakes/journal";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { createContracts } from "@attune/shared/contracts/egress";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AuditResult, auditJournal as auditWith, type ServerReport } from "./journal-audit.js";

const contracts = createContracts();
const auditJournal = (journal: readonly unknown[], reports: readonly ServerReport[]) =>
  auditWith(journal, reports, contracts);

interface Device {
  readonly journal: readonly JournalEntry[];
  readonly reports: readonly ServerReport[];
}

const steps = fc.array(fc.constantFrom("poll", "download", "report", "report", "epoch"), { maxLength: 14 });
const states = ["downloading", "testing", "committed"] as const;

/** The devices' numbers keep their epochs apart, as random bits do. */
function devices(deviceNumber: number, minReports = 0): fc.Arbitrary<Device> {
  return fc
    .record({ steps, earlier: fc.nat(4), state: fc.constantFrom(...states) })
    .map(({ steps, earlier, state }) => {
      const messages = messagesOf(deviceNumber, { steps, state });
      const journal = createJournal(messages, { contracts, earlier });
      return { journal, reports: journal.filter(({ path }) => path === "nats").map(reportOf) };
    })
    .filter(({ reports }) => reports.length >= minReports);
}

function messagesOf(
  deviceNumber: number,
  { steps, state }: { readonly steps: readonly string[]; readonly state: string },
): JournalMessage[] {
  const messages: JournalMessage[] = [];
  const device = String(deviceNumber).padStart(32, "0");
  let epochs = 0;
  let sequences = { poll: 0, report: 0 };
  for (const step of steps) {
    if (step === "epoch") {
      epochs++;
      sequences = { poll: 0, report: 0 };
    } else if (step === "download") {
      messages.push({ type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset: 0 });
    } else {
      const sequence = ++sequences[step as "poll" | "report"];
      const common = {
        contract: 1,
        device,
        epoch: epochName(deviceNumber, epochs),
        releaseSequence: 1,
        reason: "none",
      };
      messages.push({ type: step === "poll" ? "poll" : "report.state", ...common, sequence, state });
    }
  }
  return messages;
}

const epochName = (deviceNumber: number, epoch: number) => `${deviceNumber}${String(epoch).padStart(15, "0")}`;
const reportOf = ({ message, sha256 }: JournalEntry): ServerReport => ({
  epoch: String(message.epoch),
  sequence: Number(message.sequence),
  sha256,
});
const nameOf = ({ epoch, sequence }: ServerReport) => ({ epoch, sequence });
const findingsOf = ({ faults, missing, extra, beforeRestore, altered }: AuditResult) => ({
  faults,
  missing,
  extra,
  beforeRestore,
  altered,
});
const nothing = { faults: [], missing: [], extra: [], beforeRestore: [], altered: [] };
const shuffled = (reports: readonly ServerReport[]) =>
  fc.shuffledSubarray([...reports], { minLength: reports.length, maxLength: reports.length });

describe("the audit of a device that says the truth", () => {
  test("finds nothing, in whatever order the reports arrived", () => {
    const arrivals = devices(1).chain((device) => fc.tuple(fc.constant(device), shuffled(device.reports)));
    fc.assert(
      fc.property(arrivals, ([{ journal }, reports]) => {
        const result = auditJournal(journal, reports);
        expect(findingsOf(result)).toEqual(nothing);
        expect(result.verdict).toBe("consistent");
      }),
    );
  });
});

/** A device, one of its reports, and the order in which the falsified reports arrive. */
const targets = devices(1, 1).chain((device) =>
  fc.record({
    device: fc.constant(device),
    target: fc.nat(device.reports.length - 1),
    order: fc.infiniteStream(fc.nat(1_000)),
  }),
);
type Target = typeof targets extends fc.Arbitrary<infer T> ? T : never;

function inOrder(reports: readonly ServerReport[], order: Target["order"]): ServerReport[] {
  return reports
    .map((report) => ({ report, place: Number(order.next().value) }))
    .sort((one, other) => one.place - other.place)
    .map(({ report }) => report);
}

describe("the audit after one report was falsified on the server", () => {
  test("names a report that was dropped, and calls it pending only if nothing of its epoch follows", () => {
    fc.assert(
      fc.property(targets, ({ device: { journal, reports }, target, order }) => {
        const dropped = reports[target]!;
        const result = auditJournal(journal, inOrder(reports.toSpliced(target, 1), order));
        expect(findingsOf(result)).toEqual({ ...nothing, missing: [nameOf(dropped)] });
        const isFollowed = reports.some(
          ({ epoch, sequence }) => epoch === dropped.epoch && sequence > dropped.sequence,
        );
        expect(result.verdict).toBe(isFollowed ? "inconsistent" : "pending");
      }),
    );
  });

  test("names a report whose body was altered", () => {
    fc.assert(
      fc.property(targets, ({ device: { journal, reports }, target, order }) => {
        const altered = { ...reports[target]!, sha256: "f".repeat(64) };
        const result = auditJournal(journal, inOrder(reports.with(target, altered), order));
        expect(findingsOf(result)).toEqual({ ...nothing, altered: [nameOf(altered)] });
        expect(result.verdict).toBe("inconsistent");
      }),
    );
  });

  test("names a report that was doubled", () => {
    fc.assert(
      fc.property(targets, ({ device: { journal, reports }, target, order }) => {
        const result = auditJournal(journal, inOrder([...reports, reports[target]!], order));
        expect(findingsOf(result)).toEqual({ ...nothing, extra: [nameOf(reports[target]!)] });
        expect(result.verdict).toBe("inconsistent");
      }),
    );
  });

  test("names a report that was moved to another epoch at both of its places", () => {
    fc.assert(
      fc.property(targets, fc.nat(3), ({ device: { journal, reports }, target, order }, epochNumber) => {
        const report = reports[target]!;
        const moved = { ...report, epoch: epochName(1, epochNumber) };
        fc.pre(moved.epoch !== report.epoch);
        const { missing, extra, beforeRestore, altered, faults, verdict } = auditJournal(
          journal,
          inOrder(reports.with(target, moved), order),
        );
        expect({ missing, faults }).toEqual({ missing: [nameOf(report)], faults: [] });
        // The place may hold a report already. A free place may lie in an epoch that has ended.
        const isTaken = reports.some(({ epoch, sequence }) => epoch === moved.epoch && sequence === moved.sequence);
        expect([...extra, ...beforeRestore]).toEqual([nameOf(moved)]);
        expect(altered).toEqual(isTaken ? [nameOf(moved)] : []);
        if (isTaken) expect(extra).toEqual([nameOf(moved)]);
        expect(["inconsistent", "restored"]).toContain(verdict);
      }),
    );
  });

  test("names a report that was moved to another device in both devices' audits", () => {
    fc.assert(
      fc.property(targets, devices(2), ({ device: { journal, reports }, target, order }, other) => {
        const moved = reports[target]!;
        const here = auditJournal(journal, inOrder(reports.toSpliced(target, 1), order));
        expect(findingsOf(here)).toEqual({ ...nothing, missing: [nameOf(moved)] });
        const there = auditJournal(other.journal, inOrder([...other.reports, moved], order));
        expect(there).toMatchObject({ faults: [], missing: [], altered: [] });
        expect([...there.extra, ...there.beforeRestore]).toEqual([nameOf(moved)]);
        expect(there.verdict).not.toBe("consistent");
      }),
    );
  });
});

const changes: Readonly<Record<string, (entry: JournalEntry) => object>> = {
  index: ({ index }) => ({ index: index + 1 }),
  previous: () => ({ previous: "f".repeat(64) }),
  path: ({ path }) => ({ path: path === "trpc" ? "https" : "trpc" }),
  sequence: ({ sequence }) => ({ sequence: sequence + 1 }),
  sizeBytes: ({ sizeBytes }) => ({ sizeBytes: sizeBytes + 1 }),
  sha256: () => ({ sha256: "f".repeat(64) }),
  capacity: ({ version }) => (version === 1 ? { capacityBits: 0 } : { domainSizes: [2] }),
  type: ({ type }) => ({ type: type === "poll" ? "report.state" : "poll" }),
  message: ({ message }) => ({ message: { ...message, contract: 2 } }),
};
const withEntry = (minAfter: number) =>
  devices(1)
    .filter(({ journal }) => journal.length > minAfter)
    .chain((device) => fc.record({ device: fc.constant(device), place: fc.nat(device.journal.length - 1 - minAfter) }));

describe("the audit after one entry of the journal was changed", () => {
  test.each(Object.keys(changes))(
    "names the entry by its %s, and no later entry but for the chain and the numbering",
    (field) => {
      fc.assert(
        fc.property(withEntry(0), ({ device: { journal, reports }, place }) => {
          const changed = { ...journal[place]!, ...changes[field]!(journal[place]!) };
          const { faults, verdict } = auditJournal(journal.with(place, changed as JournalEntry), reports);
          expect(verdict).toBe("inconsistent");
          const blamed = faults.map((fault) => Number(/^entry (\d+):/.exec(fault)?.[1]));
          expect(blamed[0]).toBe(place);
          // A poll that says it is a report leaves a gap in the polls' numbering, which a later entry may show.
          const later = faults.filter((fault, at) => blamed[at]! > place + 1 && !fault.includes(", expected "));
          expect(later).toEqual([]);
        }),
      );
    },
  );

  test("finds an entry that was rewritten as a whole by the entry that follows", () => {
    fc.assert(
      fc.property(withEntry(1), ({ device: { journal, reports }, place }) => {
        const entry = journal[place]!;
        const message: JournalMessage =
          entry.type === "download"
            ? { type: "download", contract: 1, what: "chunks", sha256: "b".repeat(64), offset: 0 }
            : { ...(entry.message as JournalMessage), state: "failed" };
        const [rewritten] = createJournal([message], { contracts, earlier: entry.version === 1 ? 1 : 0 });
        const forged = { ...rewritten!, index: entry.index, previous: entry.previous };
        const result = auditJournal(journal.with(place, forged), reports);
        expect(findingsOf(result)).toEqual({
          ...nothing,
          faults: [`entry ${place + 1}: its previous hash is not that of the entry before`],
          altered: entry.path === "nats" ? [nameOf(reportOf(entry))] : [],
        });
        expect(sha256Of(canonicalBytes(message))).not.toBe(entry.sha256);
      }),
    );
  });
});
