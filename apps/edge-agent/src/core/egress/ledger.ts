// The ledger: the journal's length and the amount that has left, in whole numbers. It is written in one batch with the
// entries that it counts.

import type { NewJournalEntry } from "@attune/shared/contracts/audit";
import { type MessageDeclaration, personSizes } from "@attune/shared/contracts/egress-declaration";
import { z } from "zod";
import type { Store, StoreOperation } from "../ports.js";
import { putRecord, readRecord } from "../storage/records.js";
import { emptyJournal, type JournalTip } from "./journal.js";

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

const domainsSchema = z.record(z.string().regex(/^[1-9]\d*$/), z.int().min(1));
const counted = {
  ...common,
  /** The number of fields that have left, by the size of the field's domain. */
  domains: domainsSchema,
  /** The sum in a ledger of the first version. */
  earlierCapacityBits: z.number().min(0),
};

/** The ledger of contract 1's agents. Every field counts as about the person there. */
const secondLedgerSchema = z.strictObject({ ...counted, version: z.literal(2) });

const currentLedgerSchema = z.strictObject({
  ...counted,
  version: z.literal(3),
  /** The same numbers of the fields about the person alone. */
  personDomains: domainsSchema,
});
export type Ledger = z.infer<typeof currentLedgerSchema>;

const ledgerSchema = z.discriminatedUnion("version", [firstLedgerSchema, secondLedgerSchema, currentLedgerSchema]);

const nothing = { messages: 0, bytes: 0 };
const emptyLedger: Ledger = {
  version: 3,
  journal: emptyJournal,
  polls: 0,
  reports: 0,
  byPath: { trpc: nothing, https: nothing, nats: nothing },
  domains: {},
  personDomains: {},
  earlierCapacityBits: 0,
};

export async function readLedger(store: Store): Promise<Ledger> {
  const ledger = (await readRecord(store, key, ledgerSchema)) ?? emptyLedger;
  if (ledger.version === 3) return ledger;
  if (ledger.version === 2) return { ...ledger, version: 3, personDomains: ledger.domains };
  const { capacityBits: earlierCapacityBits, ...rest } = ledger;
  return { ...rest, version: 3, domains: {}, personDomains: {}, earlierCapacityBits };
}

export function putLedger(ledger: Ledger): StoreOperation {
  return putRecord(key, ledger);
}

interface CountedEntry {
  readonly entry: NewJournalEntry;
  readonly declaration: MessageDeclaration;
  readonly tip: JournalTip;
}

/** The ledger with one more entry, after which the journal ends in `tip`. */
export function countEntry(ledger: Ledger, { entry, declaration, tip }: CountedEntry): Ledger {
  const { path, sizeBytes, domainSizes, message } = entry;
  const { messages, bytes } = ledger.byPath[path];
  return {
    ...ledger,
    journal: tip,
    byPath: { ...ledger.byPath, [path]: { messages: messages + 1, bytes: bytes + sizeBytes } },
    domains: countSizes(ledger.domains, domainSizes),
    personDomains: countSizes(ledger.personDomains, personSizes(declaration, message)),
  };
}

function countSizes(domains: Ledger["domains"], sizes: readonly number[]): Ledger["domains"] {
  const counted = { ...domains };
  for (const size of sizes) counted[size] = (counted[size] ?? 0) + 1;
  return counted;
}

/** The most bits of information that everything that has left can hold. */
export function ledgerCapacityBits({ domains, earlierCapacityBits }: Ledger): number {
  return sumOfBits(domains, earlierCapacityBits);
}

/** The most bits about the person in everything that has left. */
export function ledgerPersonBits({ personDomains, earlierCapacityBits }: Ledger): number {
  return sumOfBits(personDomains, earlierCapacityBits);
}

function sumOfBits(domains: Ledger["domains"], earlierBits: number): number {
  return Object.entries(domains).reduce((bits, [size, count]) => bits + count * Math.log2(Number(size)), earlierBits);
}
