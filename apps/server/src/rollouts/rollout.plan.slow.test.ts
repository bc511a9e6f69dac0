// Properties of thousands of random fleets, whose devices succeed, refuse, fail, vanish, are revoked and fall back.

import type { Verdict } from "@attune/shared/contracts/current-state";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  breaks,
  deadlineMs,
  policy,
  poll,
  refuses,
  resume,
  rolloutOf,
  settle,
  succeeds,
} from "../../../../test/rollouts/virtual-rollout.js";
import type { Sighting } from "./member.plan.js";
import { isUnderway, type Snapshot } from "./rollout.plan.js";

const at = (nowMs: number, snapshot: Snapshot): Snapshot => ({ ...snapshot, nowMs });
const states = ({ groups }: Snapshot) => groups.map(({ state }) => state);

const looks: fc.Arbitrary<Partial<Sighting>> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(succeeds("better"), succeeds("same"), succeeds("tooLittle")) },
  fc.constantFrom<Partial<Sighting>>(refuses, breaks, { revoked: true }, { state: "downloading" }, { state: "idle" }),
  fc.constant<Partial<Sighting>>({ state: "failed", reason: "network" }),
  fc.constant<Partial<Sighting>>({ running: 6, state: "rolledBack", reason: "loop" }),
);
const lives = fc.record({
  sizes: fc.array(fc.nat(14), { minLength: 1, maxLength: 4 }),
  failureLimit: fc.constantFrom(0, 0.2, 0.5),
  /** In each round a device is seen as drawn, or is silent. */
  rounds: fc.array(fc.array(fc.option(looks, { nil: undefined }), { minLength: 8, maxLength: 8 }), { maxLength: 12 }),
  resumes: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
});

function* livesOf({ sizes, failureLimit, rounds, resumes }: typeof lives extends fc.Arbitrary<infer L> ? L : never) {
  let now = settle(rolloutOf(sizes, { policy: { ...policy, failureLimit } }));
  yield now;
  for (const [round, drawn] of rounds.entries()) {
    now = at(now.nowMs + 400, resumes[round] ? resume(now) : now);
    now = settle(poll(now, ({ rank }) => drawn[(rank * 5 + round) % drawn.length]));
    yield now;
  }
  // Then everybody is silent.
  for (let round = 0; round < 2 * sizes.length + 2; round++) {
    now = settle(at(now.nowMs + 2 * deadlineMs, now));
    yield now;
  }
}

const finals = ["failed", "timedOut", "removed", "unreached", "cancelled"];

/** Everything that is wrong with a rollout, given its earlier state. */
function* faultsOf(now: Snapshot, last: Snapshot | undefined, failureLimit: number): Generator<string> {
  const undecided = now.members.some(({ state }) => state === "open" || state === "waiting");
  if (!isUnderway(now.status) && undecided) yield "an ended rollout has undecided devices";
  if (last !== undefined && now.members.length !== last.members.length) yield "the membership has changed";
  const changed = last?.members.find(({ state, rank }) => finals.includes(state) && now.members[rank]?.state !== state);
  if (changed !== undefined) yield `${changed.device} has left its end ${changed.state}`;
  if (now.members.some(({ state, offeredAtMs }) => state === "waiting" && offeredAtMs !== null)) {
    yield "a device was offered the release before its group started";
  }
  const firstWaiting = states(now).indexOf("waiting");
  if (
    firstWaiting >= 0 &&
    isUnderway(now.status) &&
    states(now)
      .slice(firstWaiting)
      .some((state) => state !== "waiting")
  ) {
    yield "a group started before an earlier one";
  }
  for (const [index, group] of now.groups.entries()) {
    if (group.state !== "passed" || last?.groups[index]?.state === "passed") continue;
    const members = now.members.filter((one) => one.group === index && one.state !== "removed");
    const count = (...of: string[]) => members.filter(({ state }) => of.includes(state)).length;
    const failures = Math.max(0, count("failed", "timedOut") - group.acceptedFailures);
    if (count("succeeded", "failed") < policy.completeness * members.length) yield `group ${index} passed in silence`;
    if (failures > failureLimit * (failures + count("succeeded"))) yield `group ${index} passed with failures`;
  }
}

describe("over thousands of random fleets", () => {
  const thousands = { numRuns: 4_000 };

  test("ends stay, groups keep their order and pass on answers alone, and all rollouts end or pause in silence", () => {
    fc.assert(
      fc.property(lives, (life) => {
        let last: Snapshot | undefined;
        const faults: string[] = [];
        for (const now of livesOf(life)) {
          faults.push(...faultsOf(now, last, life.failureLimit));
          last = now;
        }
        if (last?.status === "active") faults.push("the rollout never ends");
        expect(faults).toEqual([]);
      }),
      thousands,
    );
  });

  test("verdicts count in the order of ranks, whoever answers first", () => {
    const said = fc.array(fc.constantFrom<Verdict>("better", "worse", "tooLittle"), { minLength: 1, maxLength: 30 });
    const orders = said.chain((words) =>
      fc.record({
        words: fc.constant(words),
        order: fc.shuffledSubarray([...words.keys()], { minLength: words.length }),
      }),
    );
    fc.assert(
      fc.property(orders, ({ words, order }) => {
        const start = settle(poll(rolloutOf([words.length]), () => ({})));
        const all = settle(poll(start, ({ rank }) => ({ reported: words[rank]! })));
        const oneByOne = order.reduce(
          (now, next) => settle(poll(now, ({ rank }) => (rank === next ? { reported: words[rank]! } : undefined))),
          start,
        );
        expect([oneByOne.harm, oneByOne.status]).toEqual([all.harm, all.status]);
      }),
      thousands,
    );
  });
});
