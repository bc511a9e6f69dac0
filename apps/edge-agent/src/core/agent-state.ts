// The state of the running agent: the store's records, and the models and connections that live in memory alone.
// A field that has a record changes only after its batch is on the disk.

import type { Contracts } from "@attune/shared/contracts/egress";
import type { HeadChoice } from "@attune/shared/contracts/local-api";
import type { Release } from "@attune/shared/contracts/release";
import { toHex } from "@attune/shared/encoding";
import { AppError, type ErrorCode } from "@attune/shared/errors";
import { epochPattern } from "@attune/shared/subjects";
import type { Root } from "@attune/shared/trust/root";
import { z } from "zod";
import type { Exclusive } from "./concurrency/exclusive.js";
import { readConsent } from "./egress/consent.js";
import type { Egress } from "./egress/egress.js";
import type { FeatureSet } from "./learning/features-cache.js";
import type { Learner } from "./learning/learner.js";
import type { LearningState } from "./learning/learning-state.js";
import type { Lessons } from "./learning/lessons.js";
import type { Measured } from "./learning/refit.js";
import type { Scores } from "./learning/scores.js";
import type { Tombstones } from "./learning/tombstones.js";
import type { Utterances } from "./learning/utterances.js";
import type { Hashing, Ports } from "./ports.js";
import type { Latencies } from "./prediction/latencies.js";
import type { Model } from "./prediction/model.js";
import { putRecord, readRecord } from "./storage/records.js";
import { type Identity, readEnrolled } from "./trust/identity.js";
import { readHighest } from "./trust/trust-records.js";
import { type ActiveSlot, activeSlotSchema } from "./update/slots.js";
import type { Verdicts } from "./update/verdicts.js";
import { noUpdate, type Target, type UpdateRecord, updateRecordSchema } from "./update-state.js";

export const keys = {
  epoch: "epoch",
  credentials: "credentials",
  update: "update",
  active: "active",
  milestones: "milestones",
  answer: "answer",
  measured: "measured-release",
} as const;

const epochSchema = z.strictObject({
  version: z.literal(1),
  epoch: z.string().regex(epochPattern),
  /** The number of epochs that this store has begun; the first is the epoch that it was created with. */
  epochs: z.int().min(1).default(1),
});
type EpochRecord = z.infer<typeof epochSchema>;

const credentialsSchema = z.strictObject({
  version: z.literal(1),
  urls: z.array(z.string()).min(1),
  userJwt: z.string().min(1),
});
export type Credentials = z.infer<typeof credentialsSchema>;

const milestonesSchema = z.strictObject({ version: z.literal(1), reported: z.int().min(0) });

/** The server's last answer to a poll, kept so that its age is known after a restart, too. */
const answerSchema = z.strictObject({
  version: z.literal(1),
  number: z.int().min(0),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  release: z.int().min(1).nullable(),
});
export type Answer = z.infer<typeof answerSchema>;

const measuredSchema = z.strictObject({ version: z.literal(1), release: z.int().min(1) });

export interface AgentState {
  epoch: string;
  epochs: number;
  identity: Identity | undefined;
  /** The keys that this device believes; present with the identity. */
  root: Root | undefined;
  credentials: Credentials | undefined;
  /** The newest release that has passed verification here. */
  highestRelease: Target | null;
  /** The update under way, or the last one. */
  update: UpdateRecord;
  activeSlot: ActiveSlot | undefined;
  /** The number of milestones of learning that have been reported. */
  milestonesReported: number;
  /** The model that answers, and what it learned. */
  learningState: LearningState | undefined;
  /** The numbers of its last refit. */
  measured: Measured | undefined;
  /** The features under a candidate while it is gated; utterances forgotten or said anew change these features too. */
  candidateFeatures: FeatureSet | undefined;
  /** The model under test, so that gating need not load it again. */
  candidate: Model | undefined;
  /** The release under way, once this process believes its manifest. */
  believedRelease: Release | undefined;
  /** The target that the server asked for last, since this process started. */
  target: Target | null;
  /** The server's last answer to a poll. */
  lastAnswer: Answer | undefined;
  /** The release whose latencies were reported last; 0 before the first. */
  measuredRelease: number;
  /** The newest version of the egress contract that the person has agreed to. */
  agreedContract: number;
  readonly connected: { server: boolean; nats: boolean };
  readonly lastError: { server: ErrorCode | null; nats: ErrorCode | null };
  /** How often a metrics report had to wait for room in the outbox. */
  reportsHeld: number;
}

/** The open agent: ports, state and the parts that share them. */
export interface Context {
  readonly ports: Ports;
  readonly agentState: AgentState;
  readonly egress: Egress;
  /** The versions of the egress contract that this agent knows. */
  readonly contracts: Contracts;
  readonly utterances: Utterances;
  readonly tombstones: Tombstones;
  readonly learner: Learner;
  readonly scores: Scores;
  readonly lessons: Lessons;
  readonly verdicts: Verdicts;
  /** The times of the person's own predictions; they stay on the device. */
  readonly latencies: Latencies;
  /** Every change to what was learned runs through it. */
  readonly exclusive: Exclusive;
}

export function requireLearningState({ learningState }: Pick<AgentState, "learningState">): LearningState {
  if (learningState === undefined) throw new AppError("NO_RELEASE", "this device has no release yet");
  return learningState;
}

/** The head that answers: the personal head as soon as the mixture has learned a row. */
export function headOf({ learningState }: Pick<AgentState, "learningState">): HeadChoice {
  return (learningState?.live.rows ?? 0) > 0 ? "personal" : "prior";
}

export function newEpoch({ randomBytes }: Pick<Hashing, "randomBytes">, epochs: number): EpochRecord {
  return { version: 1, epoch: toHex(randomBytes(8)), epochs };
}

export async function readAgentState({ store, hashing }: Pick<Ports, "store" | "hashing">): Promise<AgentState> {
  let epoch = await readRecord(store, keys.epoch, epochSchema);
  if (epoch === undefined) {
    epoch = newEpoch(hashing, 1);
    await store.batch([putRecord(keys.epoch, epoch)]);
  }
  const enrolled = await readEnrolled(store);
  return {
    epoch: epoch.epoch,
    epochs: epoch.epochs,
    identity: enrolled?.identity,
    root: enrolled?.root,
    credentials: await readRecord(store, keys.credentials, credentialsSchema),
    highestRelease: await readHighest(store),
    update: (await readRecord(store, keys.update, updateRecordSchema)) ?? noUpdate,
    activeSlot: await readRecord(store, keys.active, activeSlotSchema),
    milestonesReported: (await readRecord(store, keys.milestones, milestonesSchema))?.reported ?? 0,
    learningState: undefined,
    measured: undefined,
    candidateFeatures: undefined,
    candidate: undefined,
    believedRelease: undefined,
    target: null,
    lastAnswer: await readRecord(store, keys.answer, answerSchema),
    measuredRelease: (await readRecord(store, keys.measured, measuredSchema))?.release ?? 0,
    agreedContract: await readConsent(store),
    connected: { server: false, nats: false },
    lastError: { server: null, nats: null },
    reportsHeld: 0,
  };
}
