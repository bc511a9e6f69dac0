// The egress's parts and its state, which direct messages and reports share, and the two steps that each message
// passes: gate and journal.

import type { UpdateReason, UpdateState } from "@attune/shared/contracts/current-state";
import type { Contracts, Message } from "@attune/shared/contracts/egress";
import type { ReportType } from "@attune/shared/contracts/report";
import { AppError } from "@attune/shared/errors";
import type { Exclusive } from "../concurrency/exclusive.js";
import type { Cipher, Clock, Hashing, Log, Store, StoreOperation } from "../ports.js";
import { putRecord } from "../storage/records.js";
import type { KeptDraft } from "./drafts.js";
import { type Gated, gate, pack } from "./gate.js";
import { journalKey, nextEntry } from "./journal.js";
import type { JournalCheck } from "./journal-check.js";
import { countEntry, type Ledger } from "./ledger.js";
import type { SlotClock } from "./slot-clock.js";

/** Messages that are sent at once; reports go through the outbox. */
export type DirectType = "enrol" | "poll" | "download";

/** The device's word about its own update. No caller of the egress chooses it. */
export interface Announced {
  readonly releaseSequence: number;
  readonly state: UpdateState;
  readonly reason: UpdateReason;
}

interface Sender {
  readonly device: string;
  readonly epoch: string;
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
  /** The releases that the server has signed and asked this device to run; 0 stands for none. */
  readonly releases: () => readonly number[];
  /** The update's state as the device announces it under this version of the contract. */
  readonly announced: (contract: number) => Announced;
  /** The release under way, which a verdict is about; 0 stands for none. */
  readonly judgedRelease: () => number;
  readonly outboxLimit: number;
  /** The device that sends; undefined before enrolment. */
  readonly sender: () => Sender | undefined;
  readonly onQueued: () => void;
}

/** A field changes only after its batch is on the disk, and inside `exclusive`. */
export interface EgressState {
  readonly exclusive: Exclusive;
  readonly journalCheck: JournalCheck;
  readonly slotClock: SlotClock;
  ledger: Ledger;
  /** The number of reports in the outbox. */
  sendable: number;
  /** Reports that wait for their numbers, oldest first. */
  drafts: readonly KeptDraft[];
  /** Whether the server has believed a poll of this process, so that reports get numbers. */
  confirmed: boolean;
}

export function requireSender({ sender }: Pick<EgressParts, "sender">): Sender {
  const known = sender();
  if (known === undefined) throw new AppError("NOT_ENROLLED", "this device has no identity yet");
  return known;
}

/** Throws EGRESS_DENIED where the message is not what the contract declares. */
export function passGate<T extends DirectType | ReportType>(
  { contracts, clock, releases, log }: Pick<EgressParts, "contracts" | "clock" | "releases" | "log">,
  type: T,
  message: unknown,
): Gated<T> {
  const result = gate({ contracts, nowMs: clock.nowMs(), releases: releases() }, type, message);
  if (result.ok) return result.value;
  log("error", "egress.denied", { type, reason: result.reason, detail: result.detail });
  throw new AppError("EGRESS_DENIED", result.detail);
}

/**
 * A kept report was judged when it was made. Neither a clock that was set right since then nor a release that is gone
 * refuses it now. A report that never passes would hold all later reports.
 */
export function passAgain<T extends ReportType>({ contracts }: EgressParts, type: T, message: unknown): Gated<T> {
  const judged = contracts.judge(type, message);
  const packed = judged.ok ? pack(contracts, type, judged.value as Message<T>) : judged;
  if (packed.ok) return packed.value;
  throw new AppError("EGRESS_DENIED", `a kept ${type} is not in the egress contract`);
}

interface JournalStep {
  /** The ledger once `operations` are on the disk. */
  readonly ledger: Ledger;
  /** Write the entries, not the ledger. */
  readonly operations: readonly StoreOperation[];
}

/** Adds an entry for each message to the journal. Nothing is written yet. */
export async function addEntries(
  { contracts, hashing, clock }: EgressParts,
  { ledger: before, journalCheck }: EgressState,
  messages: readonly Gated[],
): Promise<JournalStep> {
  let ledger = before;
  const operations: StoreOperation[] = [];
  const nowMs = clock.nowMs();
  for (const gated of messages) {
    const declaration = contracts.declaration(gated.message.contract, gated.type)!;
    const { entry, tip } = await nextEntry(ledger.journal, { gated, declaration, nowMs }, hashing);
    ledger = countEntry(ledger, { entry, declaration, tip });
    operations.push(putRecord(journalKey(entry.index), entry));
  }
  if (messages.length > 0) operations.push(await journalCheck.note(ledger.journal));
  return { ledger, operations };
}
