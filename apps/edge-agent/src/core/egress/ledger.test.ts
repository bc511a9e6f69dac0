// The ledger's versions: everything that left under contract 1 counts as about the person, whole.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryStore } from "@attune/fakes/memory-store";
import { createContracts, type MessageType } from "@attune/shared/contracts/egress";
import { capacityBits, domainSizes } from "@attune/shared/contracts/egress-declaration";
import { expect, test } from "vitest";
import { putRecord } from "../storage/records.js";
import { type Gated, gate } from "./gate.js";
import { emptyJournal, nextEntry } from "./journal.js";
import { countEntry, type Ledger, ledgerCapacityBits, ledgerPersonBits, putLedger, readLedger } from "./ledger.js";

const contracts = createContracts();
const hashing = { sha256: async () => "a".repeat(64) };
const nothing = { messages: 0, bytes: 0 };
const common = {
  journal: emptyJournal,
  polls: 3,
  reports: 2,
  byPath: { trpc: { messages: 3, bytes: 900 }, https: nothing, nats: nothing },
};

async function read(record: object): Promise<Ledger> {
  const store = createMemoryStore(createFaults());
  await store.batch([putRecord("egress", record)]);
  const ledger = await readLedger(store);
  await store.batch([putLedger(ledger)]);
  expect(await readLedger(store)).toEqual(ledger);
  return ledger;
}

async function count(ledger: Ledger, message: { readonly type: MessageType; readonly contract: number }) {
  const passed = gate({ contracts, nowMs: 0, releases: [0, 1] }, message.type, message);
  if (!passed.ok) throw new Error(passed.detail);
  const declaration = contracts.declaration(message.contract, message.type)!;
  const journalled = { gated: passed.value as Gated, declaration, nowMs: 0 };
  return countEntry(ledger, { ...(await nextEntry(ledger.journal, journalled, hashing)), declaration });
}

const identity = { device: "d".repeat(32), epoch: "e".repeat(16), sequence: 1, releaseSequence: 1 };
const slot = { ...identity, type: "report.slot", contract: 2, slot: 1, rightPrior: 20, rightAnswering: 22 } as const;
const verdict = { ...identity, type: "report.verdict", contract: 2, verdict: "better" } as const;
const state = { ...identity, type: "report.state", state: "committed", reason: "none" } as const;

test("A ledger of the first version keeps its sum, as bits about the person.", async () => {
  const ledger = await read({ ...common, version: 1, capacityBits: 123.5 });
  expect(ledger).toMatchObject({ version: 3, polls: 3, reports: 2, domains: {}, personDomains: {} });
  expect(ledgerCapacityBits(ledger)).toBe(123.5);
  expect(ledgerPersonBits(ledger)).toBe(123.5);
});

test("A ledger of the second version counts each field that has left as about the person.", async () => {
  const ledger = await read({ ...common, version: 2, domains: { 10: 3, 17: 3, 101: 2 }, earlierCapacityBits: 7 });
  const bits = 7 + capacityBits([10, 10, 10, 17, 17, 17, 101, 101]);
  expect(ledgerPersonBits(ledger)).toBeCloseTo(bits, 9);
  expect(ledgerCapacityBits(ledger)).toBeCloseTo(bits, 9);
});

test("A message of contract 1 counts whole, and of contract 2 only its words about the person.", async () => {
  const before = await read({ ...common, version: 2, domains: {}, earlierCapacityBits: 0 });
  const first = await count(before, { ...state, contract: 1 });
  expect(ledgerPersonBits(first)).toBeCloseTo(capacityBits(domainSizes(contracts.declaration(1, "report.state")!)), 9);
  const second = await count(first, { ...state, contract: 2 });
  expect(ledgerPersonBits(second)).toBe(ledgerPersonBits(first));
  expect(ledgerCapacityBits(second)).toBeGreaterThan(ledgerCapacityBits(first));
  const third = await count(await count(second, slot), verdict);
  expect(ledgerPersonBits(third) - ledgerPersonBits(second)).toBeCloseTo(Math.log2(901) + 2, 9);
});

test("A ledger of a later version is refused as damaged.", async () => {
  await expect(read({ ...common, version: 4 })).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});
