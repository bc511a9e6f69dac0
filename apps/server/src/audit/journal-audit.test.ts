import { createJournal, type JournalMessage } from "@attune/fakes/journal";
import { contractsWithMadeUp, madeUp } from "@attune/fakes/made-up-contract";
import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { createContracts } from "@attune/shared/contracts/egress";
import { capacityBits, domainSizes } from "@attune/shared/contracts/egress-declaration";
import { expect, test } from "vitest";
import { auditJournal, type ServerReport } from "./journal-audit.js";

const device = "0".repeat(32);
const epoch = "0123456789abcdef";
const common = { contract: 1, device, epoch, releaseSequence: 1, reason: "none" } as const;
const state = (sequence: number) => ({ type: "report.state", ...common, sequence, state: "committed" });
const poll = (sequence: number) => ({ type: "poll", ...common, sequence, state: "idle" });
const download = { type: "download", contract: 1, what: "chunks", sha256: "a".repeat(64), offset: 0 };

const contracts = createContracts(contractsWithMadeUp);
const declarationOf = (type: string, version = 1) => contracts.declaration(version, type)!;
const journalOf = (messages: readonly JournalMessage[], earlier = 2) => createJournal(messages, { contracts, earlier });

const whole = journalOf([poll(1), download, state(1), poll(2), state(2), state(3)]);
const onServer: ServerReport[] = [1, 2, 3].map((sequence) => ({
  epoch,
  sequence,
  sha256: sha256Of(canonicalBytes(state(sequence))),
}));

test("a whole journal and the same reports on the server are consistent", () => {
  const result = auditJournal(whole, onServer);
  expect(result).toMatchObject({ verdict: "consistent", device, entries: 6, missing: [], extra: [], altered: [] });
  const bits = (type: string) => capacityBits(domainSizes(declarationOf(type)));
  expect(result.capacityBits).toBeCloseTo(3 * bits("report.state") + 2 * bits("poll") + bits("download"));
});

test("the latest reports may still be on their way", () => {
  const result = auditJournal(whole, onServer.slice(0, 1));
  expect(result).toMatchObject({ verdict: "pending", missing: [{ sequence: 2 }, { sequence: 3 }] });
});

test("a report that is missing while a later one arrived was lost", () => {
  const result = auditJournal(whole, [onServer[0]!, onServer[2]!]);
  expect(result).toMatchObject({ verdict: "inconsistent", missing: [{ epoch, sequence: 2 }] });
});

test("a report that the device did not journal is found", () => {
  const extra = { epoch, sequence: 4, sha256: "b".repeat(64) };
  expect(auditJournal(whole, [...onServer, extra])).toMatchObject({
    verdict: "inconsistent",
    extra: [{ epoch, sequence: 4 }],
  });
});

test.each([
  ["with the same body", onServer[1]!.sha256, []],
  ["with another body", "d".repeat(64), [{ epoch, sequence: 2 }]],
])("a report that the server holds twice, %s, is found in any order", (_what, sha256, altered) => {
  const doubled = [...onServer, { epoch, sequence: 2, sha256 }];
  const expected = { verdict: "inconsistent", missing: [], extra: [{ epoch, sequence: 2 }], altered };
  expect(auditJournal(whole, doubled)).toMatchObject(expected);
  expect(auditJournal(whole, doubled.toReversed())).toMatchObject(expected);
});

test("a report with another body than the journal's is found", () => {
  const altered = onServer.map((report) => (report.sequence === 2 ? { ...report, sha256: "c".repeat(64) } : report));
  expect(auditJournal(whole, altered)).toMatchObject({ verdict: "inconsistent", altered: [{ epoch, sequence: 2 }] });
});

test.each([
  ["cut out of the middle", whole.toSpliced(2, 1), "entries are missing"],
  [
    "put in another order",
    [whole[1]!, whole[0]!, ...whole.slice(2)],
    "its previous hash is not that of the entry before",
  ],
  ["cut off at the front", whole.slice(1), "entries are missing"],
  ["with a poll left out before it was written", journalOf([poll(1), poll(3)]), "its sequence is 3, expected 2"],
  ["with a message changed", whole.with(2, { ...whole[2]!, message: { ...state(1), state: "failed" } }), "hash"],
  [
    "with a field outside the contract",
    journalOf([{ ...poll(1), note: "x" }]),
    "not what the egress contract declares",
  ],
  ["of two devices", journalOf([poll(1), { ...state(1), device: "1".repeat(32) }]), "another device"],
  ["with a capacity talked down", whole.with(0, { ...whole[0]!, capacityBits: 0 } as JournalEntry), "capacity"],
  ["with a domain talked down", whole.with(2, { ...whole[2]!, domainSizes: [2] } as JournalEntry), "capacity"],
  ["of a version that nobody here knows", journalOf([{ ...poll(1), contract: madeUp }]), "is not known here"],
  ["that is no journal", [{ hello: "world" }], "not a journal entry"],
])("a journal %s is found out", (_what, journal, fault) => {
  const result = auditJournal(journal, []);
  expect(result.verdict).toBe("inconsistent");
  expect(result.faults.join("\n")).toContain(fault);
});

const nextEpoch = "fedcba9876543210";
const inNext = (message: Record<string, string | number>) => ({ ...message, epoch: nextEpoch });
/**
 * The store was put back to where it had made two reports. The server has three of that epoch, and those
 * of the new epoch.
 */
const restored = journalOf([poll(1), state(1), state(2), poll(2), inNext(poll(1)), inNext(state(1))]);
const serverAfter: ServerReport[] = [
  ...onServer,
  { epoch: nextEpoch, sequence: 1, sha256: sha256Of(canonicalBytes(inNext(state(1)))) },
];

test("what left between a copy of the store and the return to it is named, and is no forgery", () => {
  expect(auditJournal(restored, serverAfter)).toMatchObject({
    verdict: "restored",
    epochs: [epoch, nextEpoch],
    beforeRestore: [{ epoch, sequence: 3 }],
    faults: [],
    extra: [],
    missing: [],
  });
  const between = { epoch: "a".repeat(16), sequence: 1, sha256: "b".repeat(64) };
  expect(auditJournal(restored, [...serverAfter, between])).toMatchObject({ verdict: "restored", extra: [] });
});

test("a return to a copy excuses no report of the latest epoch, none that the copy should know, and no other body", () => {
  const sha256 = "b".repeat(64);
  const later = { epoch: nextEpoch, sequence: 2, sha256 };
  expect(auditJournal(restored, [...serverAfter, later])).toMatchObject({
    verdict: "inconsistent",
    extra: [{ sequence: 2 }],
  });
  const cut = journalOf([poll(1), state(2), poll(2), inNext(poll(1)), inNext(state(1))]);
  expect(auditJournal(cut, serverAfter)).toMatchObject({ verdict: "inconsistent", extra: [{ epoch, sequence: 1 }] });
  const altered = serverAfter.with(0, { ...serverAfter[0]!, sha256 });
  expect(auditJournal(restored, altered)).toMatchObject({ verdict: "inconsistent", altered: [{ epoch, sequence: 1 }] });
});

test("an empty journal and an empty server agree", () => {
  expect(auditJournal([], [])).toMatchObject({ verdict: "consistent", device: null, entries: 0 });
});

test("messages of several versions of the contract stand in one journal, each judged by its own", () => {
  const said = (contract: number, fields: object = {}) => ({
    type: "report.metrics",
    contract,
    device,
    epoch,
    sequence: contract === 1 ? 1 : 2,
    releaseSequence: 1,
    engine: "wasm",
    headKind: "linear",
    utterances: 50,
    holdout: 25,
    f1Prior: 40,
    f1Personal: 50,
    predictP50: 0,
    predictP90: 0,
    ...fields,
  });
  const messages = [said(1, { trainTime: 1 }), said(madeUp)];
  const stored = messages.map((message) => {
    return { epoch, sequence: message.sequence, sha256: sha256Of(canonicalBytes(message)) };
  });
  const journal = journalOf(messages, 0);
  const result = auditJournal(journal, stored, contracts);
  expect(result).toMatchObject({ verdict: "consistent", faults: [] });
  const bits = (version: number) => capacityBits(domainSizes(declarationOf("report.metrics", version)));
  expect(bits(madeUp)).toBeLessThan(bits(1));
  expect(result.capacityBits).toBeCloseTo(bits(1) + bits(madeUp));
  // One version forbids a field that another version allows.
  const more = journalOf([said(1, { trainTime: 1 }), said(madeUp, { trainTime: 1 })], 0);
  expect(auditJournal(more, [], contracts).faults.join()).toContain("not what the egress contract declares");
});
