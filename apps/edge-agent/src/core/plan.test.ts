// The agent's next step, and its record after crashes, clock changes and attempts.

import { updateStates } from "@attune/shared/contracts/current-state";
import { describe, expect, test } from "vitest";
import { plan, type Snapshot } from "./plan.js";
import { begin, enter, noUpdate, recover, transitions, type UpdateRecord } from "./update-state.js";

const target = { sequence: 2, manifestSha256: "a".repeat(64) };
const deadlinesMs = { downloading: 1_000, verifying: 1_000, testing: 1_000, gating: 1_000 };
const under = (state: UpdateRecord["state"], more: Partial<UpdateRecord> = {}): UpdateRecord => ({
  ...noUpdate,
  target,
  state,
  attempt: 1,
  ...more,
});
const decide = (record: UpdateRecord, more: Partial<Snapshot> = {}) =>
  plan({ nowMs: 0, record, target, deadlinesMs, ...more });

describe("the plan", () => {
  test("waits without a target and begins with a new one", () => {
    expect(decide(noUpdate, { target: null })).toEqual({ kind: "wait", wakeInMs: null });
    expect(decide(noUpdate)).toEqual({ kind: "begin", target });
    expect(decide(under("committed", { target: { ...target, sequence: 1 } }))).toEqual({ kind: "begin", target });
  });

  test("stays in its state until the state's deadline", () => {
    expect(decide(under("testing"), { nowMs: 400 })).toEqual({ kind: "run", state: "testing", remainingMs: 600 });
    expect(decide(under("testing"), { nowMs: 1_000 })).toEqual({ kind: "end", state: "timedOut", reason: "deadline" });
  });

  test("leaves a download for what the server asks for instead, and continues it while the server says nothing", () => {
    const downloading = under("downloading", { target: { sequence: 1, manifestSha256: "b".repeat(64) } });
    expect(decide(downloading)).toEqual({ kind: "begin", target });
    expect(decide(downloading, { target: null }).kind).toBe("run");
    expect(decide({ ...downloading, state: "verifying" }).kind).toBe("run");
  });

  test("is not stretched by a clock that jumps back", () => {
    const record = under("downloading", { enteredAtMs: 10 ** 12 });
    expect(decide(record)).toEqual({ kind: "run", state: "downloading", remainingMs: 1_000 });
  });

  test("gives a release up that has killed the process three times in one state", () => {
    expect(decide(under("testing", { crashes: 2 }))).toMatchObject({ kind: "run" });
    expect(decide(under("testing", { crashes: 3 }))).toEqual({ kind: "end", state: "failed", reason: "loop" });
  });

  test("acts on what gating has found, or on three deaths in it, when the deadline is over and not before", () => {
    const gating = under("gating");
    expect(decide(gating, { nowMs: 400 })).toEqual({ kind: "run", state: "gating", remainingMs: 600 });
    const found = { heldMs: 0, dueInMs: 600 };
    expect(decide(gating, { nowMs: 400, gating: found })).toEqual({ kind: "wait", wakeInMs: 600 });
    expect(decide(gating, { nowMs: 400, gating: { ...found, dueInMs: 0 } })).toEqual({ kind: "conclude" });
    const deadly = under("gating", { crashes: 3 });
    expect(decide(deadly, { nowMs: 400 })).toEqual({ kind: "wait", wakeInMs: 600 });
    expect(decide(deadly, { nowMs: 1_000 })).toEqual({ kind: "conclude" });
  });

  test("makes up for a deadline that ended while the process was away", () => {
    expect(decide(under("gating"), { nowMs: 5_000 })).toEqual({ kind: "run", state: "gating", remainingMs: 1_000 });
  });

  test("waits with a release that may not be judged yet, unless the server asks for another", () => {
    const gating = { heldMs: 10 ** 8, dueInMs: undefined };
    expect(decide(under("gating"), { nowMs: 5_000, gating })).toEqual({ kind: "wait", wakeInMs: 10 ** 8 });
    const other = under("gating", { target: { sequence: 1, manifestSha256: "b".repeat(64) } });
    expect(decide(other, { gating })).toEqual({ kind: "begin", target });
    expect(decide(other, { gating: { heldMs: 0, dueInMs: undefined } }).kind).toBe("run");
  });

  test("stays with a verdict on the release itself", () => {
    for (const record of [
      under("committed"),
      under("rolledBack", { reason: "goldenMismatch" }),
      under("rejected", { reason: "personalInferior" }),
      under("failed", { reason: "manifestSignature" }),
      under("failed", { reason: "loop" }),
    ]) {
      expect(decide(record, { nowMs: 10 ** 9 })).toEqual({ kind: "wait", wakeInMs: null });
    }
  });

  test("retries, later each time, what the network, the disk or the clock spoiled", () => {
    const failed = under("failed", { reason: "diskFull" });
    expect(decide(failed)).toEqual({ kind: "wait", wakeInMs: 60_000 });
    expect(decide(failed, { nowMs: 60_000 })).toEqual({ kind: "begin", target });
    expect(decide({ ...failed, attempt: 3 })).toEqual({ kind: "wait", wakeInMs: 240_000 });
    expect(decide({ ...failed, attempt: 99 })).toEqual({ kind: "wait", wakeInMs: 3_600_000 });
  });

  test("tries at once after the clock was set back", () => {
    const ended = under("timedOut", { reason: "deadline", enteredAtMs: 10 ** 12 });
    expect(decide(ended)).toEqual({ kind: "begin", target });
  });
});

describe("the update's record", () => {
  test("has a way out of every state, and every state before gating can fail and time out", () => {
    for (const state of updateStates) expect(transitions[state].length).toBeGreaterThan(0);
    for (const state of ["downloading", "verifying", "testing"] as const) {
      expect(transitions[state]).toEqual(expect.arrayContaining(["failed", "timedOut"]));
    }
  });

  test("refuses a transition that is not in the table", () => {
    expect(() => enter(under("downloading"), { state: "committed", nowMs: 0 })).toThrow("downloading to committed");
  });

  test("counts attempts of one target and begins anew with another", () => {
    const once = begin(noUpdate, target, 5);
    expect(once).toMatchObject({ state: "downloading", attempt: 1, enteredAtMs: 5 });
    const failed = { ...enter(once, { state: "failed", reason: "network", nowMs: 6 }), reported: ["failed/network"] };
    expect(begin(failed, target, 7)).toMatchObject({ attempt: 2, reported: ["failed/network"] });
    expect(begin(failed, { ...target, sequence: 3 }, 7)).toMatchObject({ attempt: 1, reported: [] });
  });

  test("counts a death only while it was being acted on, and none where the download got on", () => {
    const acting = under("downloading", { executing: true, crashes: 2 });
    expect(recover(acting, 0)).toMatchObject({ crashes: 3, executing: false });
    expect(recover(acting, 4_096)).toMatchObject({ crashes: 0, progressBytes: 4_096 });
    expect(recover(under("downloading", { crashes: 2 }), 0)).toMatchObject({ crashes: 2 });
    expect(recover(under("testing", { executing: true }), 4_096)).toMatchObject({ crashes: 1 });
    expect(recover(under("committed"), 0)).toEqual(under("committed"));
  });
});
