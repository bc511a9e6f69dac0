// Judges one device of a rollout by its latest poll and its verdict. Pure.

import { retryableReasons, type Verdict } from "@attune/shared/contracts/current-state";
import type { PolledState } from "./rollout.standing.js";

/**
 * `waiting`: the device's group has not started. `open`: the device is undecided. All others are ends.
 * `timedOut`: the device was offered the release and did not answer in time.
 * `unreached`: the device was away until its group's deadline, and was offered nothing.
 * `removed`: the device was revoked before it was decided. `cancelled`: the rollout ended before.
 */
export const assignmentStates = [
  "waiting",
  "open",
  "succeeded",
  "failed",
  "timedOut",
  "unreached",
  "removed",
  "cancelled",
] as const;
export type AssignmentState = (typeof assignmentStates)[number];

/** A device's place in a rollout. */
export interface Assignment {
  readonly device: string;
  readonly group: number;
  /** The device's place in the order of hashes, from 0. */
  readonly rank: number;
  readonly state: AssignmentState;
  readonly verdict: Verdict | null;
  /** When the device was first offered the release. */
  readonly offeredAtMs: number | null;
  /** When an offered device has to be decided. */
  readonly deadlineAtMs: number | null;
  /** The number of attempts that failed. */
  readonly failures: number;
  /** The state that was judged last. A device that still repeats an old state says nothing new. */
  readonly judgedState: PolledState;
  /** Whether the device has been seen with the release. */
  readonly hasRun: boolean;
  /** Whether the device ran the release and fell back: then its verdict decides nothing. */
  readonly fellBack: boolean;
}

/** The device as it is known now. */
export interface Sighting {
  readonly revoked: boolean;
  /** The release that the device ran at its latest poll; 0 before its first release. */
  readonly running: number;
  readonly state: PolledState;
  readonly reason: string;
  /** The verdict on the release that the device has reported. */
  readonly reported: Verdict | null;
}

export interface Member extends Assignment {
  readonly seen: Sighting;
}

interface JudgedBy {
  readonly nowMs: number;
  readonly releaseSequence: number;
  /** The time from the offer within which a device has to be decided. */
  readonly deadlineMs: number;
}

/** A device tries a release again by itself; its third failure counts, and counts once. */
const maxRetries = 2;

/** `unknown`: the device gives no reason. */
const retriedReasons: readonly string[] = [...retryableReasons, "unknown"];

const isFailure = (state: PolledState): boolean => state === "failed" || state === "timedOut" || state === "rolledBack";

/** The same object where nothing has changed. */
export function judge(member: Member, by: JudgedBy): Member {
  if (member.state !== "open" && member.state !== "succeeded") {
    return member.state === "waiting" && member.seen.revoked ? { ...member, state: "removed" } : member;
  }
  const seen = withSighting(member, by);
  const judged = seen.state === "open" ? judgeOpen(seen, by) : judgeSucceeded(seen, by);
  return isEqual(judged, member) ? member : judged;
}

function withSighting(member: Member, { releaseSequence }: JudgedBy): Member {
  const { seen, judgedState, offeredAtMs } = member;
  const isNew = offeredAtMs !== null && seen.state !== judgedState;
  // Agents that speak contract 1 send no verdict: their rejection is one.
  const rejected = isNew && seen.state === "rejected" ? "worse" : null;
  return {
    ...member,
    judgedState: isNew ? seen.state : judgedState,
    failures: member.failures + (isNew && isFailure(seen.state) ? 1 : 0),
    verdict: member.verdict ?? seen.reported ?? rejected,
    hasRun: member.hasRun || seen.running === releaseSequence,
  };
}

function judgeOpen(member: Member, { nowMs, releaseSequence }: JudgedBy): Member {
  const { seen, failures, deadlineAtMs } = member;
  if (failures > 0 && isFailure(seen.state)) {
    const isFinal = seen.state === "rolledBack" || !retriedReasons.includes(seen.reason);
    if (isFinal || failures > maxRetries) return { ...member, state: "failed" };
  }
  if (seen.running === releaseSequence) return { ...member, state: "succeeded" };
  if (member.verdict !== null && !member.fellBack) return { ...member, state: "succeeded" };
  if (seen.revoked) return { ...member, state: "removed" };
  if (deadlineAtMs === null || nowMs < deadlineAtMs) return member;
  return { ...member, state: failures > 0 ? "failed" : "timedOut" };
}

/** A success holds while the device keeps the release. A device that moved on to a newer release keeps its success. */
function judgeSucceeded(member: Member, { nowMs, releaseSequence, deadlineMs }: JudgedBy): Member {
  const { seen, hasRun } = member;
  if (!hasRun || seen.running >= releaseSequence || seen.revoked) return member;
  const failures = member.failures + (seen.state === "rolledBack" ? 0 : 1);
  if (seen.state === "rolledBack" || failures > maxRetries) return { ...member, failures, state: "failed" };
  const deadlineAtMs = nowMs + deadlineMs;
  return { ...member, failures, state: "open", hasRun: false, fellBack: true, deadlineAtMs };
}

function isEqual(a: Assignment, b: Assignment): boolean {
  return (
    a.state === b.state &&
    a.verdict === b.verdict &&
    a.deadlineAtMs === b.deadlineAtMs &&
    a.failures === b.failures &&
    a.judgedState === b.judgedState &&
    a.hasRun === b.hasRun &&
    a.fellBack === b.fellBack
  );
}
