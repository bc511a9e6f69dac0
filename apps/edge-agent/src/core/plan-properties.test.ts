// Properties of every life of an update, whatever the network, the disk, the clock and the process do.

import { updateReasons, updateStates } from "@attune/shared/contracts/current-state";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ActiveUpdateState } from "./agent-api.js";
import { type GatingView, maxCrashes, plan, type Snapshot, type Step } from "./plan.js";
import {
  begin,
  enter,
  isActiveState,
  noUpdate,
  recover,
  type Target,
  transitions,
  type UpdateRecord,
} from "./update-state.js";

const deadlinesMs = { downloading: 21_600_000, verifying: 600_000, testing: 600_000, gating: 3_600_000 };
const firstTarget: Target = { sequence: 1, manifestSha256: "a".repeat(64) };

const targets = fc.record({
  sequence: fc.integer({ min: 1, max: 3 }),
  manifestSha256: fc.constantFrom("a".repeat(64), "b".repeat(64)),
});
const times = fc.oneof(fc.integer({ min: 0, max: 10 ** 8 }), fc.integer({ min: 0, max: 10 ** 13 }));
const records: fc.Arbitrary<UpdateRecord> = fc.record({
  version: fc.constant(1 as const),
  target: targets,
  state: fc.constantFrom(...updateStates),
  reason: fc.constantFrom(...updateReasons),
  attempt: fc.nat(2_000),
  enteredAtMs: times,
  crashes: fc.nat(5),
  executing: fc.boolean(),
  progressBytes: fc.nat(),
  reported: fc.constant([]),
});
const views = fc.record({
  heldMs: fc.oneof(fc.constant(0), times),
  dueInMs: fc.option(fc.oneof(fc.constant(0), times), { nil: undefined }),
});
const snapshots: fc.Arbitrary<Snapshot> = fc
  .record({ nowMs: times, record: records, target: fc.option(targets), gating: fc.option(views, { nil: undefined }) })
  .map(({ gating, ...rest }) => ({ ...rest, deadlinesMs, ...(gating && { gating }) }));

/** The records that a step may lead to at once; entering a state that the table does not allow throws. */
function follow(record: UpdateRecord, step: Step, nowMs: number): UpdateRecord[] {
  switch (step.kind) {
    case "begin":
      return [begin(record, step.target, nowMs)];
    case "end":
      return [enter(record, { state: step.state, reason: step.reason, nowMs })];
    case "conclude":
      return (["committed", "rejected"] as const).map((state) => enter(record, { state, nowMs }));
    case "run":
      return transitions[step.state]
        .filter((state) => state !== "downloading")
        .map((state) => enter(record, { state, nowMs }));
    case "wait":
      return [record];
  }
}

describe("the plan of any snapshot", () => {
  test("is there, and is the same when asked again", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const before = structuredClone(snapshot);
        expect(plan(snapshot)).toEqual(plan(before));
        expect(snapshot).toEqual(before);
      }),
    );
  });

  test("leads along the table's transitions alone", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        for (const next of follow(snapshot.record, plan(snapshot), snapshot.nowMs)) {
          expect([...transitions[snapshot.record.state], snapshot.record.state]).toContain(next.state);
        }
      }),
    );
  });

  test("runs a state for no longer than its deadline, and never waits in a state that works", () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const step = plan(snapshot);
        const { state } = snapshot.record;
        if (step.kind === "run") {
          expect(step.state).toBe(state);
          expect(step.remainingMs).toBeGreaterThan(0);
          expect(step.remainingMs).toBeLessThanOrEqual(deadlinesMs[step.state]);
        }
        if (isActiveState(state) && state !== "gating") expect(["run", "end", "begin"]).toContain(step.kind);
        if (step.kind === "wait" && step.wakeInMs !== null) expect(step.wakeInMs).toBeGreaterThan(0);
      }),
    );
  });

  test("does not begin again at once what has just ended", () => {
    fc.assert(
      fc.property(records, times, (record, nowMs) => {
        fc.pre(!isActiveState(record.state) && record.state !== "idle");
        const ended = { ...record, enteredAtMs: nowMs };
        const step = plan({ nowMs, record: ended, target: record.target, deadlinesMs });
        expect(step.kind).toBe("wait");
        if (step.kind === "wait" && step.wakeInMs !== null) expect(step.wakeInMs).toBeGreaterThanOrEqual(60_000);
      }),
    );
  });
});

type Work = ActiveUpdateState;
const workNext = { downloading: "verifying", verifying: "testing", testing: "gating" } as const;

interface World {
  /** The state in which the release is refused, and why; undefined where it is good. */
  readonly refusal:
    | { readonly state: Exclude<Work, "gating">; readonly reason: (typeof updateReasons)[number] }
    | undefined;
  readonly inferior: boolean;
  /** How often the process dies in a state before its work is recorded. */
  readonly deaths: Readonly<Record<Work, number>>;
}

/** Lives until the plan has nothing more to do, or until the release has been begun `attempts` times. */
function live({ refusal, inferior, deaths }: World, attempts: number) {
  let nowMs = 10 ** 12;
  let record: UpdateRecord = noUpdate;
  let gating: GatingView = { heldMs: 0, dueInMs: undefined };
  const left = { ...deaths };
  const begun: number[] = [];
  for (let steps = 0; steps < 1_000; steps++) {
    const view = record.state === "gating" && record.crashes < maxCrashes ? { gating } : {};
    const step = plan({ nowMs, record, target: firstTarget, deadlinesMs, ...view });
    if (step.kind === "wait") {
      if (step.wakeInMs === null) return { record, begun };
      nowMs += step.wakeInMs;
      if (gating.dueInMs !== undefined) gating = { ...gating, dueInMs: Math.max(0, gating.dueInMs - step.wakeInMs) };
      continue;
    }
    if (step.kind === "begin") {
      if (begun.length === attempts) return { record, begun };
      begun.push(nowMs);
      gating = { heldMs: 0, dueInMs: undefined };
      record = begin(record, step.target, nowMs);
      continue;
    }
    if (step.kind === "end") {
      record = enter(record, { ...step, nowMs });
      continue;
    }
    if (step.kind === "conclude") {
      const state = inferior || gating.dueInMs === undefined ? "rejected" : "committed";
      record = enter(record, { state, reason: state === "rejected" ? "personalInferior" : "none", nowMs });
      continue;
    }
    nowMs += 1;
    record = { ...record, executing: true };
    if (left[step.state] > 0) {
      left[step.state]--;
      gating = { heldMs: 0, dueInMs: undefined };
      record = recover(record, 0);
    } else if (step.state === "gating") {
      gating = { heldMs: 0, dueInMs: step.remainingMs };
      record = { ...record, executing: false };
    } else if (refusal?.state === step.state) {
      record = enter(record, { state: "failed", reason: refusal.reason, nowMs });
    } else {
      record = enter(record, { state: workNext[step.state], nowMs });
    }
  }
  throw new Error("an update came to no end");
}

const refusals = fc.option(
  fc.record({
    state: fc.constantFrom("downloading" as const, "verifying" as const, "testing" as const),
    reason: fc.constantFrom(...updateReasons.filter((reason) => reason !== "none")),
  }),
  { nil: undefined },
);
const deathsBelow = (most: number) =>
  fc.record({ downloading: fc.nat(most), verifying: fc.nat(most), testing: fc.nat(most), gating: fc.nat(most) });

describe("the life of an update", () => {
  test("comes to the same end however often the process dies, short of what counts as a loop", () => {
    fc.assert(
      fc.property(refusals, fc.boolean(), deathsBelow(maxCrashes - 1), (refusal, inferior, deaths) => {
        const calm = { downloading: 0, verifying: 0, testing: 0, gating: 0 };
        const { record } = live({ refusal, inferior, deaths }, 1);
        const { state, reason } = live({ refusal, inferior, deaths: calm }, 1).record;
        expect({ state: record.state, reason: record.reason }).toEqual({ state, reason });
      }),
    );
  });

  test("ends, and leaves a minute at least between two downloads of one release", () => {
    fc.assert(
      fc.property(refusals, fc.boolean(), deathsBelow(5), (refusal, inferior, deaths) => {
        const { record, begun } = live({ refusal, inferior, deaths }, 5);
        expect(isActiveState(record.state)).toBe(false);
        for (const [i, atMs] of begun.entries()) {
          if (i > 0) expect(atMs - begun[i - 1]!).toBeGreaterThanOrEqual(60_000);
        }
      }),
    );
  });
});
