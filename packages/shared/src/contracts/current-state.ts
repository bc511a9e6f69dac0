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
