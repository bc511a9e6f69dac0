// The only way out: gate, then journal, then transport or outbox. Every step that must not be half done is one batch.

import { type JournalEntry, journalEntrySchema } from "@attune/shared/contracts/audit";
import type { Message } from "@attune/shared/contracts/egress";
import type { PersonRules } from "@attune/shared/contracts/egress-declaration";
import { personSizes } from "@attune/shared/contracts/egress-declaration";
import { AppError } from "@attune/shared/errors";
import { createExclusive } from "../concurrency/exclusive.js";
import type { Cleared, Store } from "../ports.js";
import { parseRecord } from "../storage/records.js";
import { clear } from "./cleared.js";
import { readDrafts } from "./drafts.js";
import {
  addEntries,
  type DirectType,
  type EgressParts,
  type EgressState,
  passGate,
  requireSender,
} from "./egress-state.js";
import type { Gated } from "./gate.js";
import { journalKey } from "./journal.js";
import { checkJournal } from "./journal-check.js";
import { type Ledger, putLedger, readLedger } from "./ledger.js";
import { countWaiting, dequeueReport, oldestWaiting, type WaitingReport } from "./outbox.js";
import { createReportQueue, type ReportQueue } from "./report-queue.js";
import { openSlotClock, type SlotView } from "./slot-clock.js";

/** A message of any version, before the egress fills in the other fields. No caller says anything in a poll. */
type Fields<T extends DirectType> = T extends "poll" ? object : Partial<Omit<Message<T, 1>, "type" | "contract">>;

export interface Egress extends ReportQueue {
  /** Journals the message durably, then hands it to `deliver`. */
  send<T extends DirectType, R>(type: T, fields: Fields<T>, deliver: (cleared: Cleared<T>) => Promise<R>): Promise<R>;
  /** Whether a metrics report may be queued. Nothing queued is dropped, so none is made while there is no room. */
  hasRoom(): boolean;
  waiting(limit: number): Promise<WaitingReport[]>;
  /** Called after the PubAck. */
  acknowledged(reports: readonly WaitingReport[]): Promise<void>;
  /** The report slot under way, begun where the last one is over; undefined where the contract has no slots. */
  advanceSlot(): Promise<SlotView | undefined>;
  slot(): SlotView | undefined;
  entries(after: number, limit: number): Promise<JournalEntry[]>;
  /** The number of reports that have not left, and how many of them may leave now. */
  readonly pending: number;
  readonly sendable: number;
  readonly ledger: Ledger;
  /** The version of the contract that new messages speak. */
  readonly contract: number;
  /** That version's limits of what is said about the person; undefined where it is not bounded. */
  readonly rules: PersonRules | undefined;
}

/** Throws STORE_CORRUPT where the journal is not the chain that the ledger describes. */
export async function openEgress(parts: EgressParts): Promise<Egress> {
  const { store, contracts, outboxLimit } = parts;
  const rules = () => contracts.rules(parts.contract());
  const ledger = await readLedger(store);
  const state: EgressState = {
    exclusive: createExclusive(),
    journalCheck: await checkJournal(parts, ledger.journal),
    slotClock: await openSlotClock({
      ...parts,
      rules,
      reportSizes: () => personSizes(contracts.declaration(parts.contract(), "report.slot")!),
    }),
    ledger,
    sendable: await countWaiting(store),
    drafts: await readDrafts(store),
    confirmed: false,
  };
  const pending = () => state.sendable + state.drafts.length;
  return {
    ...createReportQueue(parts, state),
    send: async (type, fields, deliver) => deliver(await clearDirect(parts, state, { type, fields })),
    hasRoom: () => pending() < outboxLimit,
    waiting: (limit) => oldestWaiting(store, contracts, limit),
    acknowledged: (reports) =>
      state.exclusive(async () => {
        await store.batch(reports.map(dequeueReport));
        state.sendable -= reports.length;
      }),
    advanceSlot: () => state.exclusive(state.slotClock.advance),
    slot: () => state.slotClock.view(),
    entries: (after, limit) => readEntries(store, after + 1, Math.min(state.ledger.journal.count, after + 1 + limit)),
    get pending() {
      return pending();
    },
    get sendable() {
      return state.sendable;
    },
    get ledger() {
      return state.ledger;
    },
    get contract() {
      return parts.contract();
    },
    get rules() {
      return rules();
    },
  };
}

interface DirectMessage<T extends DirectType> {
  readonly type: T;
  readonly fields: Fields<T>;
}

/** The message once its journal entry is on the disk. */
function clearDirect<T extends DirectType>(
  parts: EgressParts,
  state: EgressState,
  { type, fields }: DirectMessage<T>,
): Promise<Cleared<T>> {
  return state.exclusive(async () => {
    const polls = state.ledger.polls + (type === "poll" ? 1 : 0);
    const contract = parts.contract();
    const own = type === "poll" ? { ...requireSender(parts), sequence: polls, ...parts.announced(contract) } : {};
    const gated = passGate(parts, type, { ...fields, ...own, type, contract });
    const entries = await addEntries(parts, state, [gated as Gated]);
    const ledger = { ...entries.ledger, polls };
    const [cleared] = await clear([gated], () => parts.store.batch([...entries.operations, putLedger(ledger)]));
    state.ledger = ledger;
    return cleared!;
  });
}

/** Entries from index `first` up to `end`, which is not included. */
async function readEntries(store: Store, first: number, end: number): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for (let index = Math.max(0, first); index < end; index++) {
    const key = journalKey(index);
    const bytes = await store.get(key);
    if (bytes === undefined) throw new AppError("STORE_CORRUPT", `journal entry ${index} is missing`);
    entries.push(parseRecord(key, bytes, journalEntrySchema));
  }
  return entries;
}
