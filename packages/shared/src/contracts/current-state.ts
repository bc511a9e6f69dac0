// The states of a device's update: the words of the update's state machine.

import { z } from "zod";

export const updateStates = [
  "idle",
  "downloading",
  "verifying",
  "testing",
  "gating",
  "committed",
  "rejected",
  "failed",
  "timedOut",
  "rolledBack",
] as const;
export const updateStateSchema = z.enum(updateStates);
export type UpdateState = (typeof updateStates)[number];

/** Why an update ended as it did: a closed list, so that no text can travel in a reason. */
export const updateReasons = [
  "none",
  "manifestMalformed",
  "manifestSignature",
  "manifestExpired",
  "manifestRollback",
  "manifestMismatch",
  "contractUnsupported",
  "digestMismatch",
  "sizeMismatch",
  "extractorInvalid",
  "goldenMismatch",
  "inferenceFailed",
  "personalInferior",
  "network",
  "diskFull",
  "deadline",
  "loop",
] as const;
export const updateReasonSchema = z.enum(updateReasons);
export type UpdateReason = (typeof updateReasons)[number];

/** Outcomes that a retry may change: the network, the disk, the clock. All others are the release's own. */
export const retryableReasons: readonly UpdateReason[] = [
  "network",
  "diskFull",
  "deadline",
  "digestMismatch",
  "sizeMismatch",
  "manifestExpired",
];

/** The states that a device announces under contract 2. A gated release counts as tested until its verdict leaves. */
export const announcedStates = updateStates.filter((state) => state !== "gating");

/** The reasons that arise before the person's texts are touched. */
export const announcedReasons = updateReasons.filter((reason) => reason !== "personalInferior");

/** `worse` alone refuses a release, and stands as well for a judgement that failed. */
export const verdicts = ["better", "same", "worse", "tooLittle"] as const;
export const verdictSchema = z.enum(verdicts);
export type Verdict = (typeof verdicts)[number];
