// The agent as its hosts use it: the local API, the command, a browser's worker and the page's proxy of it. Types only.

import type { JournalEntry } from "@attune/shared/contracts/audit";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";
import type {
  AgentStatus,
  Calendar,
  DiaryCopies,
  DiaryCopy,
  Enrolment,
  Entries,
  EntriesInput,
  ExportInput,
  Forgotten,
  Imported,
  JournalRange,
  KeepInput,
  Kept,
  LabelInput,
  Labelled,
  Learned,
  LearnInput,
  LetIn,
  PredictInput,
  Prediction,
  Reported,
} from "@attune/shared/contracts/local-api";
import type { Events, EventsInput } from "@attune/shared/contracts/local-events";

/** The states in which an update is under way, each with its own deadline. */
export type ActiveUpdateState = "downloading" | "verifying" | "testing" | "gating";

export interface AgentOptions {
  readonly deviceKind: "jetson" | "linux" | "phone";
  readonly memoryMib: number;
  /** Reports waiting for the network; default 10,000. */
  readonly outboxLimit?: number;
  readonly deadlinesMs?: Partial<Record<ActiveUpdateState, number>>;
  /**
   * The first and the longest pause between two attempts to reach the server or the broker; defaults
   * 500 ms and 5 minutes.
   */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
  /** How long one request may take without a byte arriving; default 30 s. */
  readonly requestTimeoutMs?: number;
  /** The versions of the egress contract that this agent knows; default all of them. */
  readonly contracts?: EgressContracts;
}

/** The calls that any program of the person may make. An input that the contract refuses is INVALID_INPUT. */
export interface AskableAgent {
  predict(input: PredictInput): Promise<Prediction>;
  label(input: LabelInput): Promise<Labelled>;
  forget(id: string): Promise<Forgotten>;
  /** Keeps a text without a label. Throws CONFLICT for an utterance that has a label. */
  keep(input: KeepInput): Promise<Kept>;
  /** A page of the diary, the latest entry first. Throws NOT_FOUND for an unknown `after`. */
  entries(input?: EntriesInput): Promise<Entries>;
  calendar(): Promise<Calendar>;
  /** A page of copies of the diary, for a file of the person. */
  exportEntries(input?: ExportInput): Promise<DiaryCopies>;
  /** Takes a copy in. An entry that is here stays, and one that was forgotten here stays away. */
  importEntry(input: DiaryCopy): Promise<Imported>;
  learn(input?: LearnInput): Promise<Learned>;
  status(): Promise<AgentStatus>;
  /** Entries with an index above `after` (all when left out), oldest first, at most `limit` (default 1,000). */
  journal(input?: JournalRange): Promise<JournalEntry[]>;
  /**
   * The person agrees to the egress contract up to this version, or takes back later versions. Throws INVALID_INPUT
   * for an unknown version.
   */
  agree(input: { readonly contract: number }): Promise<AgentStatus["contract"]>;
  /** Takes the release that waits for its verdict, without a verdict. The server learns that the release runs. */
  letIn(): Promise<LetIn>;
  /**
   * Queues a metrics report now. Throws EGRESS_DENIED where the contract has no such report,
   * OUTBOX_FULL, NO_RELEASE or NOT_ENROLLED.
   */
  report(): Promise<Reported>;
}

/** The whole agent, as its host holds it. */
export interface Agent extends AskableAgent {
  /** Spends the token (`attune1.…`). The same token may be sent again when the reply was lost. */
  enrol(input: { readonly token: string; readonly signal?: AbortSignal }): Promise<Enrolment>;
  /**
   * Polls, updates and reports until `signal` aborts, then resolves. Throws NOT_ENROLLED at once where
   * no device is enrolled.
   */
  start(signal: AbortSignal): Promise<void>;
  /** Waits for the next events. Without any, it answers when `signal` aborts. */
  events(input: EventsInput, signal: AbortSignal): Promise<Events>;
}
