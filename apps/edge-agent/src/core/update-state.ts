// The update's states: one table of transitions, and the record that is saved before a state is acted on.

import {
  type UpdateReason,
  type UpdateState,
  updateReasonSchema,
  updateStateSchema,
} from "@attune/shared/contracts/current-state";
import { sha256Schema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { ActiveUpdateState } from "./agent-api.js";

/** From each state, the states that may follow. */
export const transitions: Readonly<Record<UpdateState, readonly UpdateState[]>> = {
  idle: ["downloading", "failed"],
  downloading: ["downloading", "verifying", "failed", "timedOut"],
  verifying: ["testing", "failed", "timedOut"],
  testing: ["gating", "failed", "timedOut"],
  // Gating fails where its files do, never for what the person said.
  gating: ["committed", "rejected", "failed", "downloading"],
  committed: ["downloading", "rolledBack", "failed"],
  rejected: ["downloading", "rolledBack", "failed"],
  failed: ["downloading", "rolledBack", "failed"],
  timedOut: ["downloading", "rolledBack", "failed"],
  rolledBack: ["downloading", "rolledBack", "failed"],
};

export function isActiveState(state: UpdateState): state is ActiveUpdateState {
  return state === "downloading" || state === "verifying" || state === "testing" || state === "gating";
}

export const targetSchema = z.strictObject({ sequence: z.int().min(1).max(65_535), manifestSha256: sha256Schema });
export type Target = z.infer<typeof targetSchema>;

export function sameTarget(a: Target | null, b: Target): boolean {
  return a !== null && a.sequence === b.sequence && a.manifestSha256 === b.manifestSha256;
}

export const updateRecordSchema = z.strictObject({
  version: z.literal(1),
  target: targetSchema.nullable(),
  state: updateStateSchema,
  reason: updateReasonSchema,
  /** How often this target has been begun. */
  attempt: z.int().min(0),
  /** Wall clock at which the state was entered; a clock that jumped back is noticed in plan.ts. */
  enteredAtMs: z.number(),
  /** How often the process has died in this state. */
  crashes: z.int().min(0),
  /**
   * Whether a process acts on the state, or acted on it when it died. An orderly stop clears this, so it
   * counts as no crash.
   */
  executing: z.boolean(),
  /** Bytes in the slot at the last start: a download that makes progress is in no loop. */
  progressBytes: z.int().min(0),
  /** Outcomes of this target that were reported, as state/reason: each is reported once. */
  reported: z.array(z.string()),
});
export type UpdateRecord = z.infer<typeof updateRecordSchema>;

export const noUpdate: UpdateRecord = {
  version: 1,
  target: null,
  state: "idle",
  reason: "none",
  attempt: 0,
  enteredAtMs: 0,
  crashes: 0,
  executing: false,
  progressBytes: 0,
  reported: [],
};

interface Entering {
  readonly state: UpdateState;
  readonly reason?: UpdateReason;
  readonly nowMs: number;
}

/** The record on entering `state`. A transition that is not in the table is a defect and throws INTERNAL. */
export function enter(record: UpdateRecord, { state, reason = "none", nowMs }: Entering): UpdateRecord {
  if (!transitions[record.state].includes(state)) {
    throw new AppError("INTERNAL", `no transition from ${record.state} to ${state}`);
  }
  return {
    ...record,
    state,
    reason,
    enteredAtMs: nowMs,
    crashes: 0,
    executing: isActiveState(state),
    progressBytes: 0,
  };
}

/** The record that begins `target`, anew or again. */
export function begin(record: UpdateRecord, target: Target, nowMs: number): UpdateRecord {
  const again = sameTarget(record.target, target);
  const entered = enter(record, { state: "downloading", nowMs });
  return { ...entered, target, attempt: again ? record.attempt + 1 : 1, reported: again ? record.reported : [] };
}

/** The record after a start of the process: a state that was being acted on is the state in which the process died. */
export function recover(record: UpdateRecord, progressBytes: number): UpdateRecord {
  if (!isActiveState(record.state) || !record.executing) return record;
  const progressed = record.state === "downloading" && progressBytes > record.progressBytes;
  return { ...record, crashes: progressed ? 0 : record.crashes + 1, executing: false, progressBytes };
}
