// From what the agent sees to what it does next about its release: synchronous and pure.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import type { ActiveUpdateState } from "./agent-api.js";
import { isActiveState, type Target, type UpdateRecord } from "./state.js";

/** How the gating under way stands. */
export interface GatingView {
  /** Until the release may be judged; 0 when that may be now. */
  readonly heldMs: number;
  /** Until the finding is acted on and reported; undefined while nothing has been found. */
  readonly dueInMs: number | undefined;
}

export interface Snapshot {
  readonly nowMs: number;
  readonly record: UpdateRecord;
  /** What the server asked for last; null when it asks for nothing or has not been heard. */
  readonly target: Target | null;
  readonly deadlinesMs: Readonly<Record<ActiveUpdateState, number>>;
  /** Of the state gating alone. */
  readonly gating?: GatingView;
}

export type Step =
  | { readonly kind: "begin"; readonly target: Target }
  | { readonly kind: "run"; readonly state: ActiveUpdateState; readonly remainingMs: number }
  | { readonly kind: "end"; readonly state: "failed" | "timedOut"; readonly reason: UpdateReason }
  /** Acts on what gating has found, and says it. */
  | { readonly kind: "conclude" }
  /** Nothing to do until a new target comes or `wakeInMs` has passed. */
  | { readonly kind: "wait"; readonly wakeInMs: number | null };

/** The process may die this often in one state of one release before the release counts as what kills it. */
export const maximumCrashes = 3;

/** Outcomes that another try may change: the network, the disk, the clock. All others are the release's own. */
const worthAnotherTry: readonly UpdateReason[] = [
  "network",
  "diskFull",
  "deadline",
  "digestMismatch",
  "sizeMismatch",
  "manifestExpired",
];

const firstRetryMs = 60_000;
const longestRetryMs = 3_600_000;

export function plan(snapshot: Snapshot): Step {
  const { nowMs, record, target, deadlinesMs } = snapshot;
  const { state } = record;
  if (state === "gating") return planGating(snapshot);
  // Nothing is lost by not going on with what is no longer wanted; later states are short and end by themselves.
  if (state === "downloading" && isSuperseded(record, target)) return { kind: "begin", target };
  if (isActiveState(state)) {
    if (record.crashes >= maximumCrashes) return { kind: "end", state: "failed", reason: "loop" };
    // A clock set back would stretch the deadline: then the state counts as entered now.
    const elapsedMs = Math.max(0, nowMs - record.enteredAtMs);
    const remainingMs = deadlinesMs[state] - elapsedMs;
    if (remainingMs <= 0) return { kind: "end", state: "timedOut", reason: "deadline" };
    return { kind: "run", state, remainingMs };
  }
  if (target === null) return { kind: "wait", wakeInMs: null };
  if (!sameTarget(record.target, target)) return { kind: "begin", target };
  if ((state === "failed" || state === "timedOut") && worthAnotherTry.includes(record.reason)) {
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(20, Math.max(0, record.attempt - 1)));
    const elapsedMs = nowMs - record.enteredAtMs;
    // A clock set back would make the pause last until it has caught up: then try at once.
    if (elapsedMs < 0 || elapsedMs >= pauseMs) return { kind: "begin", target };
    return { kind: "wait", wakeInMs: pauseMs - elapsedMs };
  }
  return { kind: "wait", wakeInMs: null };
}

/**
 * Gating has no outcome of its own for errors, deadlines or deaths: what comes of it is acted on when the deadline is over, whatever it is and
 * whenever it was found, so that neither says anything about the person's texts.
 */
function planGating({ nowMs, record, target, deadlinesMs, gating }: Snapshot): Step {
  const { heldMs = 0, dueInMs } = gating ?? {};
  if (heldMs > 0) return isSuperseded(record, target) ? { kind: "begin", target } : { kind: "wait", wakeInMs: heldMs };
  // A clock set back would stretch the deadline.
  const elapsedMs = Math.max(0, nowMs - record.enteredAtMs);
  const leftMs = deadlinesMs.gating - elapsedMs;
  const waitMs = record.crashes >= maximumCrashes ? leftMs : dueInMs;
  if (waitMs !== undefined) return waitMs > 0 ? { kind: "wait", wakeInMs: waitMs } : { kind: "conclude" };
  // The process was away when the deadline ended.
  return { kind: "run", state: "gating", remainingMs: leftMs > 0 ? leftMs : deadlinesMs.gating };
}

/** Whether the server asks for another release by now than the one that is under way. */
export function isSuperseded({ target: current }: UpdateRecord, target: Target | null): target is Target {
  return target !== null && !sameTarget(current, target);
}

function sameTarget(a: Target | null, b: Target): boolean {
  return a !== null && a.sequence === b.sequence && a.manifestSha256 === b.manifestSha256;
}
