// Lives of rollouts with virtual devices and a virtual clock, case by case.

import { describe, expect, test } from "vitest";
import {
  before,
  breaks,
  deadlineMs,
  perform,
  policy,
  poll,
  refuses,
  releaseSequence,
  resume,
  rolloutOf,
  settle,
  succeeds,
} from "../../../../test/rollouts/virtual-rollout.js";
import { judge, type Member, type Sighting } from "./member.plan.js";
import { plan, type Snapshot } from "./rollout.plan.js";

const at = (nowMs: number, snapshot: Snapshot): Snapshot => ({ ...snapshot, nowMs });
const states = ({ groups }: Snapshot) => groups.map(({ state }) => state);
const ends = ({ members }: Snapshot) => members.map(({ state }) => state);
const firstOf = (count: number, change: Partial<Sighting>) => (member: Member) =>
  member.rank < count ? change : undefined;
/** The first devices fail, and the others of started groups succeed. */
const failing = (count: number) => (member: Member) =>
  member.state === "waiting" ? undefined : member.rank < count ? breaks : succeeds();

describe("a rollout", () => {
  test("reaches group after group, and is completed when all have answered", () => {
    let now = settle(poll(rolloutOf([5, 5]), failing(0)));
    expect([now.status, ...states(now)]).toEqual(["active", "passed", "active"]);
    now = settle(poll(now, failing(0)));
    expect([now.status, ...states(now)]).toEqual(["completed", "passed", "passed"]);
    expect(new Set(ends(now))).toEqual(new Set(["succeeded"]));
  });

  test("passes an empty group, and an empty rollout is completed unless devices may still join it", () => {
    expect(settle(rolloutOf([0, 0])).status).toBe("completed");
    expect(settle(rolloutOf([0], { intake: true })).status).toBe("active");
    expect(states(settle(rolloutOf([0, 3])))).toEqual(["passed", "active"]);
  });

  test("pauses at too large a share of failures from five decided devices on, before the group is over", () => {
    const early = settle(poll(rolloutOf([20]), firstOf(4, breaks)));
    expect(early.status).toBe("active");
    const now = settle(poll(early, firstOf(5, breaks)));
    expect([now.status, ...states(now)]).toEqual(["paused", "breached"]);
  });

  test("with a threshold of 0 pauses at one failure of five", () => {
    const strict = rolloutOf([5], { policy: { ...policy, failureLimit: 0 } });
    expect(settle(poll(strict, failing(1))).status).toBe("paused");
    expect(settle(poll(strict, failing(0))).status).toBe("completed");
    expect(settle(poll(rolloutOf([5]), failing(1))).status).toBe("completed");
  });

  test("is inconclusive where too few are decided to judge a failure by", () => {
    expect(states(settle(poll(rolloutOf([3]), failing(1))))).toEqual(["inconclusive"]);
    expect(states(settle(poll(rolloutOf([1]), failing(0))))).toEqual(["passed"]);
  });

  test("is inconclusive without answers: silence is never good, and the next group waits", () => {
    const silent = settle(at(deadlineMs, poll(rolloutOf([10, 5]), firstOf(5, succeeds()))));
    expect([silent.status, ...states(silent)]).toEqual(["paused", "inconclusive", "waiting"]);
    expect(ends(silent).filter((state) => state === "open")).toHaveLength(5);
    const enough = settle(at(deadlineMs, poll(rolloutOf([10, 5]), firstOf(6, succeeds()))));
    expect([enough.status, ...states(enough)]).toEqual(["active", "passed", "active"]);
    expect(ends(enough).filter((state) => state === "unreached")).toHaveLength(4);
  });

  test("counts a device that was offered the release and vanished, once its own deadline is over", () => {
    let now = settle(at(deadlineMs - 1, poll(rolloutOf([10]), failing(0))));
    now = poll(rolloutOf([10]), (member) => (member.rank < 7 ? succeeds() : { state: "downloading" }));
    now = settle(at(deadlineMs, now));
    expect([now.status, ...states(now)]).toEqual(["paused", "breached"]);
    expect(ends(now).filter((state) => state === "timedOut")).toHaveLength(3);
  });

  test("leaves out devices that are revoked before they are decided, and keeps the failures of others", () => {
    const now = poll(rolloutOf([10]), failing(2));
    const undecided = poll(rolloutOf([10]), (member) => (member.rank < 2 ? breaks : { revoked: true }));
    expect(states(settle(undecided))).toEqual(["inconclusive"]);
    const late = settle(poll(settle(now), () => ({ revoked: true })));
    expect(ends(late).filter((state) => state === "failed")).toHaveLength(2);
  });

  test("that resumes judges the failed group again, and trips on new failures alone", () => {
    const halted = settle(poll(rolloutOf([20]), firstOf(5, breaks)));
    const resumed = settle(resume(halted));
    expect([resumed.status, ...states(resumed)]).toEqual(["active", "active"]);
    expect(settle(poll(resumed, failing(5))).status).toBe("completed");
    expect(settle(poll(resumed, failing(11))).status).toBe("paused");
  });

  test("that is paused by hand holds devices back, and judges none of their silence", () => {
    const held = settle(at(9 * deadlineMs, { ...rolloutOf([10]), status: "paused" }));
    expect(states(held)).toEqual(["active"]);
    expect(poll(held, () => ({})).members.every(({ offeredAtMs }) => offeredAtMs === null)).toBe(true);
    const resumed = settle(resume(held));
    expect(states(resumed)).toEqual(["active"]);
    expect(resumed.groups[0]?.deadlineAtMs).toBe(10 * deadlineMs);
  });

  test("records the breach of two groups at once, and pauses once", () => {
    let now = settle(poll(rolloutOf([5, 5]), failing(0)));
    now = poll(now, (member) => (member.group === 0 ? { running: 6, state: "rolledBack" } : breaks));
    const steps = plan(now);
    expect(states(perform(now, steps))).toEqual(["breached", "breached"]);
    expect(steps.filter(({ kind }) => kind === "rollout")).toEqual([{ kind: "rollout", status: "paused" }]);
    expect(plan(perform(now, steps))).toEqual([]);
  });

  test("is stopped by verdicts, also while it is paused, and cancels what is undecided", () => {
    const harmed = (now: Snapshot) => settle(poll(now, (member) => (member.group === 0 ? refuses : undefined)));
    for (const status of ["active", "paused"] as const) {
      const now = harmed(poll(rolloutOf([12, 38]), firstOf(12, {})));
      expect([status, now.status]).toEqual([status, "stopped"]);
      expect(new Set(ends(now).slice(12))).toEqual(new Set(["cancelled"]));
    }
  });

  test("takes `worse` for a success of the update: it fails no group", () => {
    const now = settle(poll(rolloutOf([10, 5]), (member) => (member.rank < 2 ? refuses : failing(0)(member))));
    expect([now.status, ...states(now)]).toEqual(["active", "passed", "active"]);
    expect(now.harm).toEqual({ nextRank: 10, verdicts: 10, worse: 2 });
  });
});

describe("a device", () => {
  const by = { nowMs: 0, releaseSequence, deadlineMs };
  const open = poll(rolloutOf([1]), () => ({})).members[0]!;
  const sees = (member: Member, seen: Partial<Sighting>, nowMs = 0) =>
    judge({ ...member, seen: { ...member.seen, ...seen } }, { ...by, nowMs });

  test("says nothing new by a state that it had before the offer", () => {
    const failedBefore = { ...open, judgedState: "failed", seen: { ...before, state: "failed" } } as const;
    expect(judge(failedBefore, by)).toBe(failedBefore);
    expect(judge(failedBefore, { ...by, nowMs: deadlineMs }).state).toBe("timedOut");
  });

  test("tries twice more after a failure that a retry may change, and fails once", () => {
    const network = { state: "failed", reason: "network" } as const;
    let now = open;
    for (const state of ["open", "open", "failed"] as const) {
      now = sees(sees(now, { state: "downloading" }), network);
      expect(now.state).toBe(state);
      expect(judge(now, by)).toBe(now);
    }
    expect(sees(sees(open, network), {}, deadlineMs).state).toBe("failed");
    expect(sees(open, breaks).state).toBe("failed");
  });

  test("that has succeeded and rolls back has failed; one that runs an older release is open again", () => {
    const done = sees(open, succeeds());
    expect(done.state).toBe("succeeded");
    expect(sees(done, { running: 6, state: "rolledBack" }).state).toBe("failed");
    const reopened = sees(done, { running: 6, state: "idle" }, 500);
    expect(reopened).toMatchObject({ state: "open", verdict: "better", deadlineAtMs: 500 + deadlineMs });
    expect(sees(reopened, {}, 600).state).toBe("open");
    expect(sees(reopened, succeeds(), 600).state).toBe("succeeded");
    expect(sees(reopened, {}, 500 + deadlineMs).state).toBe("failed");
    expect(sees(done, { running: 8 }).state).toBe("succeeded");
  });

  test("that rejects the release under contract 1 has said worse", () => {
    expect(sees(open, { state: "rejected", reason: "personalInferior" })).toMatchObject({
      state: "succeeded",
      verdict: "worse",
    });
  });
});
