// What the agent offers to its hosts (the local HTTP API, the command, the phone's screens): types only.

import type { JournalEntry } from "@attune/shared/contracts/audit";
import type { UpdateReason, UpdateState } from "@attune/shared/contracts/current-state";
import type { EmotionLabel } from "@attune/shared/contracts/dataset";
import type { EgressPath } from "@attune/shared/contracts/egress";
import type { HeadRecipe } from "@attune/shared/contracts/release";
import type { ErrorCode } from "@attune/shared/errors";

/** The states in which an update is under way, each with its own deadline. */
export type ActiveUpdateState = "downloading" | "verifying" | "testing" | "gating";

export interface AgentOptions {
  readonly deviceKind: "jetson" | "linux" | "phone";
  readonly memoryMib: number;
  /** Reports waiting for the network; default 10,000. */
  readonly outboxLimit?: number;
  readonly deadlinesMs?: Partial<Record<ActiveUpdateState, number>>;
  /** First and longest pause between tries to reach the server or the broker; defaults 500 ms and 5 minutes. */
  readonly backoff?: { readonly minimumMs: number; readonly maximumMs: number };
  /** How long one request may take without a byte arriving; default 30 s. */
  readonly requestTimeoutMs?: number;
}

export type Split = "train" | "holdout";
export type HeadChoice = "prior" | "personal";

export interface Enrolment {
  readonly device: string;
  readonly fleet: string;
  readonly epoch: string;
}

export interface Prediction {
  readonly id: string | null;
  readonly label: EmotionLabel;
  readonly probabilities: Readonly<Partial<Record<EmotionLabel, number>>>;
  readonly head: HeadChoice;
  readonly ms: number;
}

export interface LabelInput {
  /** The caller's id, 1 to 64 of A-Z a-z 0-9 _ -. */
  readonly id: string;
  readonly text: string;
  readonly label: string;
  readonly split?: string | undefined;
}

export interface UtteranceCounts {
  readonly train: number;
  readonly holdout: number;
}

export interface Labelled {
  readonly id: string;
  readonly split: Split;
  readonly utterances: UtteranceCounts;
}

export interface Learned {
  readonly head: HeadChoice;
  readonly l2: number | null;
  readonly trainMs: number | null;
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly holdout: number;
}

export interface AgentStatus {
  readonly device: string | null;
  readonly fleet: string | null;
  readonly epoch: string | null;
  /** One, and one more for each time that the store was found to be restored from a copy. */
  readonly epochs: number;
  readonly release: {
    readonly sequence: number;
    readonly model: string;
    readonly modelVersion: string;
    readonly expiresAt: string;
    /** By this device's clock; it goes on answering, but should have been replaced. */
    readonly expired: boolean;
  } | null;
  /** What the server asked for last, in its own words and time; `stale` where that is too long ago to still be its will. */
  readonly target: {
    readonly release: number | null;
    readonly issuedAt: string;
    readonly expiresAt: string;
    readonly stale: boolean;
  } | null;
  readonly updateState: UpdateState;
  readonly updateReason: UpdateReason;
  readonly engine: { readonly name: string; readonly why: string };
  readonly utterances: UtteranceCounts;
  readonly head: { readonly kind: HeadRecipe["kind"] | null; readonly active: HeadChoice };
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly trainMs: number | null;
  readonly predictP50Ms: number | null;
  readonly predictP90Ms: number | null;
  /** `held`: how often a metrics report was not created because the outbox was full. */
  readonly outbox: { readonly pending: number; readonly limit: number; readonly held: number };
  readonly sent: {
    readonly messages: number;
    readonly bytes: number;
    readonly byPath: Readonly<Record<EgressPath, { readonly messages: number; readonly bytes: number }>>;
  };
  readonly capacityBits: number;
  /**
   * Whether a release was taken says one bit about what the person said: how often that was judged here, how long until another may be, and
   * the release that waits for it.
   */
  readonly verdicts: { readonly count: number; readonly nextInMs: number; readonly waiting: number | null };
  readonly connected: { readonly server: boolean; readonly nats: boolean };
  /** Why the server or the broker could not be reached last time; null while all is well. */
  readonly lastError: { readonly server: ErrorCode | null; readonly nats: ErrorCode | null };
}

export interface Agent {
  /** Spends the token (`attune1.…`). Safe to call again with the same token when the reply was lost. */
  enrol(input: { readonly token: string; readonly signal?: AbortSignal }): Promise<Enrolment>;
  /** Polls, updates and reports until `signal` aborts; resolves then. Throws NOT_ENROLLED at once where it is not. */
  start(signal: AbortSignal): Promise<void>;
  predict(input: { readonly text: string; readonly id?: string | undefined }): Promise<Prediction>;
  label(input: LabelInput): Promise<Labelled>;
  /** `removed` is false where no such utterance was stored. */
  forget(id: string): Promise<{ readonly removed: boolean }>;
  learn(input?: { readonly report?: boolean | undefined }): Promise<Learned>;
  status(): Promise<AgentStatus>;
  /** Entries with an index above `after` (all when left out), oldest first, at most `limit` (default 1,000). */
  journal(input?: {
    readonly after?: number | undefined;
    readonly limit?: number | undefined;
  }): Promise<JournalEntry[]>;
  /** Queues a metrics report now. Throws OUTBOX_FULL, NO_RELEASE or NOT_ENROLLED. */
  report(): Promise<{ readonly sequence: number }>;
}
