// Plans the next steps of a staged rollout: a snapshot in, steps out. Synchronous and pure.

import { dayMs } from "@attune/shared/time";
import { harmTest } from "./harm-test.js";
import { type Assignment, type AssignmentState, judge, type Member } from "./member.plan.js";

/** `active` and `paused` are judged; the others are ends. `superseded`: a later rollout took the fleet over. */
export const rolloutStatuses = ["active", "paused", "completed", "stopped", "aborted", "superseded"] as const;
type RolloutStatus = (typeof rolloutStatuses)[number];

/** `breached`: too many failed. `inconclusive`: too few answered in time, or too few to judge a failure by. */
export const groupStates = ["waiting", "active", "passed", "breached", "inconclusive", "cancelled"] as const;
type GroupState = (typeof groupStates)[number];

export interface Policy {
  /** The largest share of failures in a group. */
  readonly failureLimit: number;
  /** The smallest share of a group that has to answer by the group's deadline. */
  readonly completeness: number;
  /** The time for a group to answer from its start, and for a device from its offer. */
  readonly deadlineMs: number;
  /** The largest share of devices that a release may make worse. */
  readonly harmBound: number;
}

/** A verdict leaves a device a day after the test, and a week after its earlier verdict at the latest. */
export const defaultPolicy: Policy = { failureLimit: 0.2, completeness: 0.6, deadlineMs: 9 * dayMs, harmBound: 0.2 };

/** The failure share of fewer decided devices means nothing. */
const minDecided = 5;

/** The share of devices that may lie about their verdict, and the probability of a wrong stop. */
export const harmOdds = { liars: 0.1, alpha: 0.05 } as const;

export interface Group {
  readonly state: GroupState;
  readonly deadlineAtMs: number | null;
  /** Failures that a fleet manager has accepted by resuming. They stay recorded, and trip nothing again. */
  readonly acceptedFailures: number;
}

/** The verdicts that the harm test has counted, in the order of ranks. */
interface HarmCount {
  /** The rank of the first device that has not been counted. */
  readonly nextRank: number;
  readonly verdicts: number;
  readonly worse: number;
}

export interface Snapshot {
  readonly nowMs: number;
  readonly releaseSequence: number;
  readonly status: RolloutStatus;
  /** Whether devices that enrol later join the last group. */
  readonly intake: boolean;
  readonly policy: Policy;
  readonly groups: readonly Group[];
  /** By rank. */
  readonly members: readonly Member[];
  readonly harm: HarmCount;
}

export type Step =
  | { readonly kind: "judge"; readonly assignment: Assignment }
  | { readonly kind: "count"; readonly harm: HarmCount }
  /** A group that becomes active opens its waiting members. */
  | { readonly kind: "group"; readonly index: number; readonly group: Group }
  /** An end cancels all that is undecided. `reverts`: devices that were offered the release go to its fallback. */
  | { readonly kind: "rollout"; readonly status: RolloutStatus; readonly reverts?: true };

export const isUnderway = (status: RolloutStatus): boolean => status === "active" || status === "paused";

export function plan(snapshot: Snapshot): Step[] {
  const { nowMs, releaseSequence, status, policy, groups, intake } = snapshot;
  if (!isUnderway(status)) return [];
  const by = { nowMs, releaseSequence, deadlineMs: policy.deadlineMs };
  const members = snapshot.members.map((member) => judge(member, by));
  const counted = countVerdicts({ ...snapshot, members });
  const steps = [...changesOf(snapshot.members, members)];
  if (counted.harm !== snapshot.harm) steps.push({ kind: "count", harm: counted.harm });
  if (counted.stop) return [...steps, { kind: "rollout", status: "stopped", reverts: true }];

  const tallies = tally(members, groups.length);
  const judged = groups.map((group, index) => judgeGroup(group, tallies[index] as Tally, snapshot));
  judged.forEach((group, index) => {
    if (group !== groups[index]) steps.push({ kind: "group", index, group });
  });
  const unreached = unreachedOf(members, groups, judged);
  steps.push(...unreached.map((assignment) => ({ kind: "judge", assignment }) as const));
  if (status === "paused") return steps;
  if (judged.some(({ state }) => state === "breached" || state === "inconclusive")) {
    return [...steps, { kind: "rollout", status: "paused" }];
  }
  const next = judged.findIndex(({ state }) => state !== "passed");
  if (next >= 0) return judged[next]?.state === "waiting" ? [...steps, startStep(next, snapshot)] : steps;
  const undecided = members.filter(({ state }) => state === "open").length - unreached.length;
  const isUnused = intake && members.length === 0;
  return undecided > 0 || isUnused ? steps : [...steps, { kind: "rollout", status: "completed" }];
}

/** Judges the groups that had failed again, and gives every started group a new deadline. */
export function planResume({ nowMs, status, policy, groups, members }: Snapshot): Step[] {
  if (status !== "paused") return [];
  const tallies = tally(members, groups.length);
  const steps = groups.flatMap(({ state }, index): Step[] => {
    if (state !== "active" && state !== "breached" && state !== "inconclusive") return [];
    const { failed, timedOut } = tallies[index] as Tally;
    const group: Group = {
      state: "active",
      deadlineAtMs: nowMs + policy.deadlineMs,
      acceptedFailures: failed + timedOut,
    };
    return [{ kind: "group", index, group }];
  });
  return [...steps, { kind: "rollout", status: "active" }];
}

function startStep(index: number, { nowMs, policy }: Snapshot): Step {
  const group: Group = { state: "active", deadlineAtMs: nowMs + policy.deadlineMs, acceptedFailures: 0 };
  return { kind: "group", index, group };
}

function changesOf(before: readonly Member[], after: readonly Member[]): Step[] {
  return after.flatMap((member, index): Step[] => {
    const { seen, ...assignment } = member;
    return member === before[index] ? [] : [{ kind: "judge", assignment }];
  });
}

/**
 * Counts verdicts in the order of ranks. A verdict waits for all before it, so that the devices that answer first
 * decide nothing alone. The evidence grows with `worse` alone, so it is looked at after each of these.
 */
function countVerdicts({ nowMs, members, groups, policy, harm }: Snapshot): { harm: HarmCount; stop: boolean } {
  let { nextRank, verdicts, worse } = harm;
  for (; nextRank < members.length; nextRank++) {
    const member = members[nextRank] as Member;
    const { verdict } = member;
    if (verdict === null && mayStillAnswer(member, groups[member.group] as Group, nowMs)) break;
    if (verdict === null || verdict === "tooLittle") continue;
    verdicts++;
    if (verdict !== "worse") continue;
    worse++;
    if (harmTest({ worse, verdicts, bound: policy.harmBound, ...harmOdds }).stop) {
      return { harm: { nextRank: nextRank + 1, verdicts, worse }, stop: true };
    }
  }
  return { harm: nextRank === harm.nextRank ? harm : { nextRank, verdicts, worse }, stop: false };
}

function mayStillAnswer({ state, deadlineAtMs }: Member, group: Group, nowMs: number): boolean {
  if (state === "waiting") return true;
  if (state !== "open" && state !== "succeeded") return false;
  const deadlineMs = deadlineAtMs ?? group.deadlineAtMs;
  return deadlineMs === null || nowMs < deadlineMs;
}

type Tally = Readonly<Record<AssignmentState, number>>;

function tally(members: readonly Member[], groups: number): Tally[] {
  const tallies = Array.from({ length: groups }, () => ({
    ...{ waiting: 0, open: 0, succeeded: 0, failed: 0, timedOut: 0, unreached: 0, removed: 0, cancelled: 0 },
  }));
  for (const { group, state } of members) (tallies[group] as (typeof tallies)[number])[state]++;
  return tallies;
}

/** The same object where nothing has changed. */
function judgeGroup(group: Group, tally: Tally, { nowMs, status, policy }: Snapshot): Group {
  const { state, deadlineAtMs, acceptedFailures } = group;
  if (state === "waiting" || state === "cancelled") return group;
  const failures = Math.max(0, tally.failed + tally.timedOut - acceptedFailures);
  const decided = tally.succeeded + failures;
  const isAboveLimit = decided > 0 && failures / decided > policy.failureLimit;
  if (isAboveLimit && decided >= minDecided) return state === "breached" ? group : { ...group, state: "breached" };
  if (state !== "active") return group;
  // A pause holds devices back, so their silence says nothing until the rollout resumes.
  const isOver = tally.open === 0 || (status === "active" && deadlineAtMs !== null && nowMs >= deadlineAtMs);
  if (!isOver) return group;
  const answered = tally.succeeded + tally.failed;
  const present = answered + tally.timedOut + tally.open + tally.unreached;
  const isComplete = answered >= policy.completeness * present;
  return { ...group, state: isComplete && !isAboveLimit ? "passed" : "inconclusive" };
}

/** The devices of groups that have passed just now, and that were away all the time. */
function unreachedOf(members: readonly Member[], before: readonly Group[], after: readonly Group[]): Assignment[] {
  const hasPassed = after.map(({ state }, index) => state === "passed" && state !== before[index]?.state);
  if (!hasPassed.includes(true)) return [];
  return members
    .filter(({ group, state, offeredAtMs }) => hasPassed[group] && state === "open" && offeredAtMs === null)
    .map(({ seen, ...assignment }) => ({ ...assignment, state: "unreached" }));
}
