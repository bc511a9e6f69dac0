// Audits a device's journal, against itself (chain, sequences, contract) and against the reports that the server holds.
// Pure. Every finding is a number, a hash or a name from the contract.

import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { entryCapacityBits, type JournalEntry, journalEntrySchema } from "@attune/shared/contracts/audit";
import { type Contracts, createContracts } from "@attune/shared/contracts/egress";
import { capacityBits, sentSizes } from "@attune/shared/contracts/egress-declaration";
import { lettersOf } from "@attune/shared/contracts/letters";
import { entryFaults } from "./entry-faults.js";
import { createPersonAccount, type PersonBits } from "./person-account.js";

export interface ServerReport {
  readonly epoch: string;
  readonly sequence: number;
  readonly sha256: string;
}

interface ReportName {
  readonly epoch: string;
  readonly sequence: number;
}

/**
 * `consistent`: the journal is whole, and the server holds exactly its reports.
 * `pending`: as `consistent`, but the journal's latest reports are missing and may still wait in the device's outbox.
 * `restored`: the device's store, with its journal, was put back to an earlier copy. The server also holds the
 * reports that left between the copy and its return, under the epoch that ended then. Only the person who restored
 * the store can confirm this.
 * `inconsistent`: anything else; the lists hold the findings.
 */
type Verdict = "consistent" | "pending" | "restored" | "inconsistent";

export interface AuditResult {
  readonly verdict: Verdict;
  readonly device: string | null;
  readonly entries: number;
  /** Breaks of the journal itself, each with its entry's place in the journal. */
  readonly faults: readonly string[];
  /** Reports in the journal and not on the server. */
  readonly missing: readonly ReportName[];
  /**
   * Reports on the server and not in the journal, and every further copy of a report that the server
   * holds more than once.
   */
  readonly extra: readonly ReportName[];
  /**
   * Reports on the server and not in the journal that left after the restored copy was made and before
   * the latest epoch began.
   */
  readonly beforeRestore: readonly ReportName[];
  /** The device's epochs, in the order in which it began them. */
  readonly epochs: readonly string[];
  /** Reports on both sides whose bodies differ. */
  readonly altered: readonly ReportName[];
  readonly bytes: number;
  /** The upper bound of the information in all messages together. */
  readonly capacityBits: number;
  /** The same of what the messages say about the person. */
  readonly personBits: PersonBits;
  /** The number of letters that the bits about the person could spell. */
  readonly letters: { readonly ever: number; readonly lastSlot: number };
}

/** `contracts` holds every version that the auditor knows, including those that servers no longer take. */
export function auditJournal(
  journal: readonly unknown[],
  reports: readonly ServerReport[],
  contracts: Contracts = createContracts(),
): AuditResult {
  const { entries, faults, personBits } = checkJournal(journal, contracts);
  const journalled = new Map(entries.filter(isReport).map((entry) => [nameOf(entry.message), entry]));
  const stored = new Map<string, ServerReport[]>();
  for (const report of reports) stored.set(nameOf(report), [...(stored.get(nameOf(report)) ?? []), report]);
  const missing = [...journalled].filter(([name]) => !stored.has(name)).map(([, entry]) => toName(entry.message));
  const epochs = [...new Set(entries.flatMap(({ message }) => message.epoch ?? []))].map(String);
  const unknown = [...stored].filter(([name]) => !journalled.has(name)).map(([, [report]]) => toName(report!));
  const highest = highestByEpoch([...journalled.values()].map(({ message }) => toName(message)));
  const beforeRestore = unknown.filter((report) => leftBeforeRestore(report, epochs, highest));
  const repeated = [...stored.values()].flatMap(([, ...copies]) => copies.map(toName));
  const extra = [...unknown.filter((report) => !beforeRestore.includes(report)), ...repeated];
  const altered = [...journalled]
    .filter(([name, entry]) => stored.get(name)?.some(({ sha256 }) => sha256 !== entry.sha256))
    .map(([, entry]) => toName(entry.message));
  const broken = faults.length + extra.length + altered.length > 0 || !areLatest(missing, reports);
  return {
    verdict: broken
      ? "inconsistent"
      : beforeRestore.length > 0
        ? "restored"
        : missing.length > 0
          ? "pending"
          : "consistent",
    device: deviceOf(entries),
    entries: entries.length,
    faults,
    missing,
    extra,
    beforeRestore,
    epochs,
    altered,
    bytes: entries.reduce((sum, entry) => sum + entry.sizeBytes, 0),
    capacityBits: entries.reduce((sum, entry) => sum + entryBits(contracts, entry), 0),
    personBits,
    letters: { ever: lettersOf(personBits.ever), lastSlot: lettersOf(personBits.lastSlot?.bits ?? 0) },
  };
}

/** The device that a journal belongs to; null before its first poll or report. */
export function deviceOf(journal: readonly JournalEntry[]): string | null {
  for (const { message } of journal) if (typeof message.device === "string") return message.device;
  return null;
}

function checkJournal(
  journal: readonly unknown[],
  contracts: Contracts,
): { entries: JournalEntry[]; faults: string[]; personBits: PersonBits } {
  const entries: JournalEntry[] = [];
  const faults: string[] = [];
  let previous = "0".repeat(64);
  const counters = new Map<string, number>();
  const person = createPersonAccount(contracts);
  let device: unknown;
  for (const [place, value] of journal.entries()) {
    const parsed = journalEntrySchema.safeParse(value);
    if (!parsed.success) {
      faults.push(`entry ${place}: not a journal entry`);
      continue;
    }
    const entry = parsed.data;
    entries.push(entry);
    if (entry.index !== place) faults.push(`entry ${place}: its index is ${entry.index}; entries are missing`);
    if (entry.previous !== previous) faults.push(`entry ${place}: its previous hash is not that of the entry before`);
    previous = sha256Of(canonicalBytes(entry));
    for (const fault of entryFaults(contracts, entry)) faults.push(`entry ${place}: ${fault}`);
    const fault = countUp(counters, entry);
    if (fault !== undefined) faults.push(`entry ${place}: ${fault}`);
    for (const fault of person.add(entry)) faults.push(`entry ${place}: ${fault}`);
    device ??= entry.message.device;
    if (entry.message.device !== undefined && entry.message.device !== device) {
      faults.push(`entry ${place}: its message is of another device`);
    }
  }
  return { entries, faults, personBits: person.bits() };
}

/** The capacity by the contract where the contract is known, else the one that the entry states. */
function entryBits(contracts: Contracts, entry: JournalEntry): number {
  const declaration = contracts.declaration(Number(entry.message.contract), entry.type);
  return declaration === undefined ? entryCapacityBits(entry) : capacityBits(sentSizes(declaration, entry.message));
}

/** Polls and reports are numbered from 1 without a gap; all types of report share one numbering. */
function countUp(counters: Map<string, number>, { type, message }: JournalEntry): string | undefined {
  if (typeof message.sequence !== "number") return undefined;
  const counter = `${type === "poll" ? "poll" : "report"} of ${String(message.epoch)}`;
  const expected = (counters.get(counter) ?? 0) + 1;
  counters.set(counter, message.sequence);
  return message.sequence === expected ? undefined : `its sequence is ${message.sequence}, expected ${expected}`;
}

/**
 * Whether a report left the device after the restored copy was made. The copy's journal does not know such a report.
 * The report's epoch has ended: the copy knows only lower numbers of this epoch, or none.
 */
function leftBeforeRestore(
  { epoch, sequence }: ReportName,
  epochs: readonly string[],
  highest: ReadonlyMap<string, number>,
): boolean {
  return epochs.length > 1 && epoch !== epochs.at(-1) && sequence > (highest.get(epoch) ?? 0);
}

function highestByEpoch(reports: readonly ReportName[]): Map<string, number> {
  const highest = new Map<string, number>();
  for (const { epoch, sequence } of reports) highest.set(epoch, Math.max(sequence, highest.get(epoch) ?? 0));
  return highest;
}

/** Whether the server holds nothing that follows a missing report: the missing ones may then still be on their way. */
function areLatest(missing: readonly ReportName[], reports: readonly ServerReport[]): boolean {
  const highest = highestByEpoch(reports);
  return missing.every(({ epoch, sequence }) => sequence > (highest.get(epoch) ?? 0));
}

function isReport(entry: JournalEntry): boolean {
  return entry.path === "nats";
}

function toName({ epoch, sequence }: JournalEntry["message"] | ServerReport): ReportName {
  return { epoch: String(epoch), sequence: Number(sequence) };
}

function nameOf(message: JournalEntry["message"] | ServerReport): string {
  const { epoch, sequence } = toName(message);
  return `${epoch}-${sequence}`;
}
