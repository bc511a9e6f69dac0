// Plans the agent's next step about its release: synchronous and pure.

import { retryableReasons, type UpdateReason } from "@attune/shared/contracts/current-state";
import type { ActiveUpdateState } from "./agent-api.js";
import { isActiveState, sameTarget, type Target, type UpdateRecord } from "./update-state.js";

/** The state of the gating under way. */
export interface GatingView {
  /** Milliseconds until the release may be judged; 0 when it may be judged now. */
  readonly heldMs: number;
  /** Milliseconds until the finding is acted on and reported; undefined while nothing has been found. */
  readonly dueInMs: number | undefined;
}

export interface Snapshot {
  readonly nowMs: number;
  readonly record: UpdateRecord;
  /** The target that the server asked for last; null when it asks for nothing or has not answered yet. */
  readonly target: Target | null;
  readonly deadlinesMs: Readonly<Record<ActiveUpdateState, number>>;
  /** Present in the state gating alone. */
  readonly gating?: GatingView;
}

export type Step =
  | { readonly kind: "begin"; readonly target: Target }
  | { readonly kind: "run"; readonly state: ActiveUpdateState; readonly remainingMs: number }
  | { readonly kind: "end"; readonly state: "failed" | "timedOut"; readonly reason: UpdateReason }
  /** Acts on the finding of gating, and reports it. */
  | { readonly kind: "conclude" }
  /** Nothing to do until a new target comes or `wakeInMs` has passed. */
  | { readonly kind: "wait"; readonly wakeInMs: number | null };

/** So many deaths in one state of one release may happen before the release counts as their cause. */
export const maxCrashes = 3;

const firstRetryMs = 60_000;
const maxRetryMs = 3_600_000;

export function plan(snapshot: Snapshot): Step {
  const { nowMs, record, target, deadlinesMs } = snapshot;
  const { state } = record;
  if (state === "gating") return planGating(snapshot);
  // Nothing is lost by dropping a download that is no longer wanted. Later states are short and end by themselves.
  if (state === "downloading" && isSuperseded(record, target)) return { kind: "begin", target };
  if (isActiveState(state)) {
    if (record.crashes >= maxCrashes) return { kind: "end", state: "failed", reason: "loop" };
    // A clock set back would stretch the deadline: then the state counts as entered now.
    const elapsedMs = Math.max(0, nowMs - record.enteredAtMs);
    const remainingMs = deadlinesMs[state] - elapsedMs;
    if (remainingMs <= 0) return { kind: "end", state: "timedOut", reason: "deadline" };
    return { kind: "run", state, remainingMs };
  }
  if (target === null) return { kind: "wait", wakeInMs: null };
  if (!sameTarget(record.target, target)) return { kind: "begin", target };
  if ((state === "failed" || state === "timedOut") && retryableReasons.includes(record.reason)) {
    const pauseMs = Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(20, Math.max(0, record.attempt - 1)));
    const elapsedMs = nowMs - record.enteredAtMs;
    // A clock set back would make the pause last until it has caught up, so the attempt begins at once.
    if (elapsedMs < 0 || elapsedMs >= pauseMs) return { kind: "begin", target };
    return { kind: "wait", wakeInMs: pauseMs - elapsedMs };
  }
  return { kind: "wait", wakeInMs: null };
}

/**
 * Gating has no outcome of its own for errors, deadlines or deaths. Its finding is acted on when the deadline is over,
 * whatever was found and whenever. So neither the outcome nor its time says anything about the person's texts.
 */
function planGating({ nowMs, record, target, deadlinesMs, gating }: Snapshot): Step {
  const { heldMs = 0, dueInMs } = gating ?? {};
  if (heldMs > 0) return isSuperseded(record, target) ? { kind: "begin", target } : { kind: "wait", wakeInMs: heldMs };
  // A clock set back would stretch the deadline.
  const elapsedMs = Math.max(0, nowMs - record.enteredAtMs);
  const leftMs = deadlinesMs.gating - elapsedMs;
  const waitMs = record.crashes >= maxCrashes ? leftMs : dueInMs;
  if (waitMs !== undefined) return waitMs > 0 ? { kind: "wait", wakeInMs: waitMs } : { kind: "conclude" };
  // The process was away when the deadline ended.
  return { kind: "run", state: "gating", remainingMs: leftMs > 0 ? leftMs : deadlinesMs.gating };
}

/** Whether the server now asks for another release than the release under way. */
export function isSuperseded({ target: current }: UpdateRecord, target: Target | null): target is Target {
  return target !== null && !sameTarget(current, target);
}
