// The ledger: the journal's length and the amount that has left, in whole numbers. It is written in one batch with the entries that it counts.

import type { NewJournalEntry } from "@attune/shared/contracts/audit";
import { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { putRecord, readRecord } from "../storage/records.js";
import { emptyJournal, type JournalHead } from "./journal.js";

const key = "egress";

const pathTotalsSchema = z.strictObject({ messages: z.int().min(0), bytes: z.int().min(0) });
const common = {
  journal: z.strictObject({ count: z.int().min(0), sha256: z.string() }),
  /** Polls and reports made so far in this epoch: the next sequence is one more. */
  polls: z.int().min(0),
  reports: z.int().min(0),
  byPath: z.strictObject({ trpc: pathTotalsSchema, https: pathTotalsSchema, nats: pathTotalsSchema }),
};

/** The ledger of the first agents: a sum of logarithms, which is not the same on every engine. */
const firstLedgerSchema = z.strictObject({ ...common, version: z.literal(1), capacityBits: z.number().min(0) });

const currentLedgerSchema = z.strictObject({
  ...common,
  version: z.literal(2),
  /** The number of fields that have left, by the size of the field's domain. */
  domains: z.record(z.string().regex(/^[1-9]\d*$/), z.int().min(1)),
  /** The sum in a ledger of the first version. */
  earlierCapacityBits: z.number().min(0),
});
export type Ledger = z.infer<typeof currentLedgerSchema>;

const ledgerSchema = z.discriminatedUnion("version", [firstLedgerSchema, currentLedgerSchema]);

const nothing = { messages: 0, bytes: 0 };
const emptyLedger: Ledger = {
  version: 2,
  journal: emptyJournal,
  polls: 0,
  reports: 0,
  byPath: { trpc: nothing, https: nothing, nats: nothing },
  domains: {},
  earlierCapacityBits: 0,
};

export async function readLedger(store: Store): Promise<Ledger> {
  const ledger = (await readRecord(store, key, ledgerSchema)) ?? emptyLedger;
  if (ledger.version === 2) return ledger;
  const { capacityBits: earlierCapacityBits, ...rest } = ledger;
  return { ...rest, version: 2, domains: {}, earlierCapacityBits };
}

export function putLedger(ledger: Ledger): StoreOperation {
  return putRecord(key, ledger);
}

/** The ledger with one more entry, after which the journal ends in `head`. */
export function countEntry(ledger: Ledger, entry: NewJournalEntry, head: JournalHead): Ledger {
  const { path, sizeBytes, domainSizes } = entry;
  const { messages, bytes } = ledger.byPath[path];
  const domains = { ...ledger.domains };
  for (const size of domainSizes) domains[size] = (domains[size] ?? 0) + 1;
  return {
    ...ledger,
    journal: head,
    byPath: { ...ledger.byPath, [path]: { messages: messages + 1, bytes: bytes + sizeBytes } },
    domains,
  };
}

/** The most bits of information that everything that has left can hold. */
export function ledgerCapacityBits({ domains, earlierCapacityBits }: Ledger): number {
  return Object.entries(domains).reduce(
    (bits, [size, count]) => bits + count * Math.log2(Number(size)),
    earlierCapacityBits,
  );
}
