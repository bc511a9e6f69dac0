// Rollouts in memory: virtual devices, a virtual clock, and steps performed as the database performs them.

import type { Assignment, Member, Sighting } from "@attune/server/rollouts/member.plan";
import {
  type Group,
  isUnderway,
  type Policy,
  plan,
  planResume,
  type Snapshot,
  type Step,
} from "@attune/server/rollouts/rollout.plan";
import type { Verdict } from "@attune/shared/contracts/current-state";

export const releaseSequence = 7;
export const deadlineMs = 1_000;
export const policy: Policy = { failureLimit: 0.2, completeness: 0.6, deadlineMs, harmBound: 0.2 };
export const before: Sighting = { revoked: false, running: 6, state: "committed", reason: "none", reported: null };

export const succeeds = (reported: Verdict = "better"): Partial<Sighting> => ({ running: releaseSequence, reported });
export const refuses: Partial<Sighting> = { state: "testing", reported: "worse" };
export const breaks: Partial<Sighting> = { state: "failed", reason: "goldenMismatch" };

/** A rollout whose first group has started at 0, and whose members run release 6. */
export function rolloutOf(groupSizes: readonly number[], changes: Partial<Snapshot> = {}): Snapshot {
  const members = groupSizes.flatMap((size, group) => Array.from({ length: size }, () => group));
  return {
    ...{ nowMs: 0, releaseSequence, status: "active", intake: false, policy },
    groups: groupSizes.map((_, index): Group => {
      return index === 0
        ? { state: "active", deadlineAtMs: deadlineMs, acceptedFailures: 0 }
        : { state: "waiting", deadlineAtMs: null, acceptedFailures: 0 };
    }),
    members: members.map((group, rank): Member => {
      const state = group === 0 ? "open" : "waiting";
      return {
        ...{ device: `d${rank}`, group, rank, state, verdict: null, offeredAtMs: null, deadlineAtMs: null },
        ...{ failures: 0, judgedState: "committed", hasRun: false, fellBack: false, seen: before },
      };
    }),
    harm: { nextRank: 0, verdicts: 0, worse: 0 },
    ...changes,
  };
}

/** The snapshot after the steps, as the database performs them. */
export function perform(snapshot: Snapshot, steps: readonly Step[]): Snapshot {
  let { status, harm } = snapshot;
  const members = [...snapshot.members];
  const groups = [...snapshot.groups];
  const turn = (from: (one: Assignment) => boolean, state: "open" | "cancelled") =>
    members.forEach((one, rank) => {
      if (from(one)) members[rank] = { ...one, state };
    });
  for (const step of steps) {
    if (step.kind === "count") harm = step.harm;
    else if (step.kind === "judge") {
      const { rank } = step.assignment;
      members[rank] = { ...members[rank]!, ...step.assignment };
    } else if (step.kind === "group") {
      const { index, group } = step;
      groups[index] = group;
      if (group.state === "active") turn((one) => one.group === index && one.state === "waiting", "open");
    } else {
      status = step.status;
      if (!isUnderway(status)) turn(({ state }) => state === "open" || state === "waiting", "cancelled");
    }
  }
  return { ...snapshot, status, harm, members, groups };
}

/** Plans and performs until nothing is left to do. */
export function settle(snapshot: Snapshot): Snapshot {
  let now = snapshot;
  for (let rounds = 0; rounds < 50; rounds++) {
    const steps = plan(now);
    if (steps.length === 0) return now;
    now = perform(now, steps);
  }
  throw new Error("the plan does not come to rest");
}

export const resume = (snapshot: Snapshot): Snapshot => perform(snapshot, planResume(snapshot));

/** Devices poll: each is seen as `seen` says, and is offered the release where the rollout allows it. */
export function poll(snapshot: Snapshot, seen: (member: Member) => Partial<Sighting> | undefined): Snapshot {
  const members = snapshot.members.map((one): Member => {
    const change = seen(one);
    if (change === undefined) return one;
    const isOffered = one.offeredAtMs === null && one.state === "open" && snapshot.status === "active";
    const offer = {
      offeredAtMs: snapshot.nowMs,
      deadlineAtMs: snapshot.nowMs + deadlineMs,
      judgedState: one.seen.state,
    };
    return { ...one, ...(isOffered && offer), seen: { ...one.seen, ...change } };
  });
  return { ...snapshot, members };
}
