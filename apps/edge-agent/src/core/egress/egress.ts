// The only way out: gate, then journal, then transport or outbox. Every step that must not be half done is one batch.

import { type JournalEntry, journalEntrySchema } from "@attune/shared/contracts/audit";
import type { Contracts, Message } from "@attune/shared/contracts/egress";
import type { ReportType } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";
import { createSerial } from "../concurrency/serial.js";
import type { Cipher, Cleared, Clock, Hashing, Log, Store, StoreOperation } from "../ports.js";
import { parseRecord, putRecord } from "../storage/records.js";
import { clear } from "./cleared.js";
import { keepDraft, readDrafts } from "./drafts.js";
import { type Gated, gate } from "./gate.js";
import { journalKey, nextEntry } from "./journal.js";
import { checkJournal } from "./journal-check.js";
import { countEntry, type Ledger, putLedger, readLedger } from "./ledger.js";
import { countWaiting, dequeueReport, enqueueReport, oldestWaiting, type WaitingReport } from "./outbox.js";
import type { Draft } from "./report.js";

type DirectType = "enrol" | "poll" | "download";

/** A message before the egress fills in the other fields. */
type Fields<T extends DirectType> = T extends "poll"
  ? Omit<Message<"poll">, "type" | "contract" | "device" | "epoch" | "sequence">
  : Omit<Message<T>, "type" | "contract">;

export interface Sender {
  readonly device: string;
  readonly epoch: string;
}

export interface Egress {
  /** Journals the message durably, then hands it to `deliver`. */
  send<T extends DirectType, R>(type: T, fields: Fields<T>, deliver: (cleared: Cleared<T>) => Promise<R>): Promise<R>;
  /**
   * Writes reports, their journal entries, the counter and `operations` in one batch, and returns the reports' sequences. Before `confirm` the
   * reports are kept without numbers; their sequences hold unless a new epoch begins.
   */
  queue(drafts: readonly Draft[], operations: readonly StoreOperation[]): Promise<number[]>;
  /** Whether a metrics report may be queued. Nothing queued is dropped, so none is made while there is no room. */
  hasRoom(): boolean;
  /** Called once the server has believed a poll of this process. Reports get their numbers from now on, and kept reports get them now. */
  confirm(): Promise<void>;
  /** Begins the numbers anew, in one batch with `operations`. Reports are kept without numbers until the next `confirm`. */
  renumber(operations: readonly StoreOperation[]): Promise<void>;
  waiting(limit: number): Promise<WaitingReport[]>;
  /** Called after the PubAck. */
  acknowledged(reports: readonly WaitingReport[]): Promise<void>;
  entries(after: number, limit: number): Promise<JournalEntry[]>;
  /** The number of reports that have not left, and how many of them may leave now. */
  readonly pending: number;
  readonly sendable: number;
  readonly ledger: Ledger;
  /** The version of the contract that new messages speak. */
  readonly contract: number;
}

export interface EgressParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Hashing;
  readonly clock: Clock;
  readonly log: Log;
  /** The versions that this agent knows. */
  readonly contracts: Contracts;
  /** The version that new messages speak. */
  readonly contract: () => number;
  readonly outboxLimit: number;
  /** Who speaks; undefined before enrolment. */
  readonly sender: () => Sender | undefined;
  readonly onQueued: () => void;
}

export async function openEgress(parts: EgressParts): Promise<Egress> {
  const { store, cipher, hashing, clock, log, contracts, outboxLimit, sender, onQueued } = parts;
  const serial = createSerial();
  let ledger = await readLedger(store);
  const check = await checkJournal({ store, cipher, hashing }, ledger.journal);
  let sendable = await countWaiting(store);
  let kept = await readDrafts(store);
  let confirmed = false;

  function whoSpeaks(): Sender {
    const known = sender();
    if (known === undefined) throw new AppError("NOT_ENROLLED", "this device has no identity yet");
    return known;
  }

  function pass<T extends DirectType | ReportType>(type: T, message: unknown): Gated<T> {
    const result = gate(contracts, type, message);
    if (result.ok) return result.value;
    log("error", "egress.denied", { type, reason: result.reason, detail: result.detail });
    throw new AppError("EGRESS_DENIED", result.detail);
  }

  /** The ledger and the batch after these messages; memory follows only once the batch is on the disk. */
  async function account(messages: readonly Gated[]): Promise<{ after: Ledger; operations: StoreOperation[] }> {
    let after = ledger;
    const operations: StoreOperation[] = [];
    const nowMs = clock.nowMs();
    for (const gated of messages) {
      const declaration = contracts.declaration(gated.message.contract, gated.type)!;
      const { entry, head } = await nextEntry(after.journal, { gated, declaration, nowMs }, hashing);
      after = countEntry(after, entry, head);
      operations.push(putRecord(journalKey(entry.index), entry));
    }
    if (messages.length > 0) operations.push(await check.note(after.journal));
    return { after, operations };
  }

  async function send<T extends DirectType, R>(
    type: T,
    fields: Fields<T>,
    deliver: (cleared: Cleared<T>) => Promise<R>,
  ): Promise<R> {
    const [cleared] = await serial(async () => {
      const polls = ledger.polls + (type === "poll" ? 1 : 0);
      const identity = type === "poll" ? { ...whoSpeaks(), sequence: polls } : {};
      const gated = pass(type, { ...fields, ...identity, type, contract: parts.contract() });
      const { after, operations } = await account([gated as Gated]);
      const next = { ...after, polls };
      const cleared = await clear([gated], () => store.batch([...operations, putLedger(next)]));
      ledger = next;
      return cleared;
    });
    return deliver(cleared!);
  }

  /** The reports under their next numbers, as the gate lets them pass. */
  function number(drafts: readonly Draft[], before: number): Gated<ReportType>[] {
    const { device, epoch } = whoSpeaks();
    return drafts.map((draft, i) => {
      const identity = { device, epoch, sequence: before + 1 + i };
      return pass(draft.type, { ...draft, ...identity });
    });
  }

  /** Runs inside `serial`. */
  async function commit(messages: readonly Gated<ReportType>[], operations: readonly StoreOperation[]): Promise<void> {
    const first = ledger.journal.count;
    const { after, operations: entries } = await account(messages);
    const next = { ...after, reports: ledger.reports + messages.length };
    const queued = messages.map((message, i) => enqueueReport(message, first + i));
    await store.batch([...operations, ...queued, ...entries, putLedger(next)]);
    ledger = next;
    sendable += messages.length;
    if (messages.length > 0) onQueued();
  }

  /** Runs inside `serial`. */
  async function keep(drafts: readonly Draft[], operations: readonly StoreOperation[]): Promise<void> {
    const place = (kept.at(-1)?.place ?? -1) + 1;
    const more = drafts.map((draft, i) => keepDraft(place + i, draft));
    await store.batch([...operations, ...more.map(({ put }) => put)]);
    kept = [...kept, ...more];
  }

  function queue(drafts: readonly Draft[], operations: readonly StoreOperation[]): Promise<number[]> {
    return serial(async () => {
      const messages = number(drafts, ledger.reports + kept.length);
      await (confirmed ? commit(messages, operations) : keep(drafts, operations));
      return messages.map((message) => message.message.sequence);
    });
  }

  function confirm(): Promise<void> {
    return serial(async () => {
      if (kept.length > 0) {
        const messages = number(
          kept.map(({ draft }) => draft),
          ledger.reports,
        );
        await commit(
          messages,
          kept.map(({ remove }) => remove),
        );
        kept = [];
      }
      confirmed = true;
    });
  }

  function renumber(operations: readonly StoreOperation[]): Promise<void> {
    return serial(async () => {
      const next = { ...ledger, polls: 0, reports: 0 };
      await store.batch([...operations, putLedger(next)]);
      ledger = next;
      confirmed = false;
    });
  }

  async function entries(after: number, limit: number): Promise<JournalEntry[]> {
    const found: JournalEntry[] = [];
    const until = Math.min(ledger.journal.count, after + 1 + limit);
    for (let index = Math.max(0, after + 1); index < until; index++) {
      const key = journalKey(index);
      const bytes = await store.get(key);
      if (bytes === undefined) throw new AppError("STORE_CORRUPT", `journal entry ${index} is missing`);
      found.push(parseRecord(key, bytes, journalEntrySchema));
    }
    return found;
  }

  return {
    send,
    queue,
    confirm,
    renumber,
    hasRoom: () => sendable + kept.length < outboxLimit,
    waiting: (limit) => oldestWaiting(store, contracts, limit),
    acknowledged: (reports) =>
      serial(async () => {
        await store.batch(reports.map(dequeueReport));
        sendable -= reports.length;
      }),
    entries,
    get pending() {
      return sendable + kept.length;
    },
    get sendable() {
      return sendable;
    },
    get ledger() {
      return ledger;
    },
    get contract() {
      return parts.contract();
    },
  };
}
