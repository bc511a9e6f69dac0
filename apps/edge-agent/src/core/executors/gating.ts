// Gating is the one state of an update that touches what the person said. The server receives one of two answers, at a time that was set
// before: the release was taken, or it was not. Errors on the person's texts are no third answer.

import type { Release } from "@attune/shared/contracts/release";
import { type Context, keys } from "../agent-state.js";
import { alone, type Serial } from "../concurrency/serial.js";
import { minimumHoldout } from "../egress/report.js";
import type { Fitted, LearningState } from "../learning/learner.js";
import type { GatingView } from "../plan.js";
import type { Pair } from "../prediction/pair.js";
import { putRecord } from "../storage/records.js";
import { personalGate } from "../update/personal-gate.js";
import { contentOf } from "../update/verdicts.js";

export interface GatingParts {
  readonly context: Context;
  /** The lessons' serial: a commit must not interleave with a label. */
  readonly serial: Serial;
  readonly commit: (learningState: LearningState, fitted: Fitted) => Promise<void>;
  readonly reject: () => Promise<void>;
}

/** A verdict is made only where both pairs can be compared. A release that has run here before needs no verdict. */
type Mode = "judged" | "unjudged";

interface Finding {
  readonly taken: boolean;
  readonly learningState: LearningState;
  readonly fitted: Fitted;
  /** The utterances' revision in this finding: a finding is renewed once anything was said or forgotten after it. */
  readonly revision: number;
}

export function createGating({ context, serial, commit, reject }: GatingParts) {
  const { ports, memory, learner, utterances, verdicts } = context;
  const { store, hashing, clock } = ports;
  let mode: Mode = "unjudged";
  let finding: Finding | "none" | undefined;
  /** The time at which the finding is acted on, by the steady clock. */
  let dueMs: number | undefined;
  let held = false;

  function forgetAll(): void {
    mode = "unjudged";
    finding = undefined;
    dueMs = undefined;
    held = false;
    memory.candidateFeatures = undefined;
  }

  /** Decides how the release is gated, and pays for a verdict before anything of the person is touched. */
  function admit(release: Release): Promise<GatingView> {
    return serial(async () => {
      held = false;
      if (finding !== undefined) return view(0);
      const { manifestSha256 } = memory.record.target!;
      mode = (await isFree(await contentOf(release, hashing))) ? "unjudged" : "judged";
      if (mode === "unjudged" || verdicts.isPaidFor(manifestSha256)) return view(0);
      const heldMs = verdicts.pauseLeftMs();
      if (heldMs > 0) {
        held = true;
        await stopExecuting();
        return view(heldMs);
      }
      const spent = verdicts.spend(manifestSha256);
      await saveRecord({ enteredAtMs: clock.nowMs() }, spent.operation);
      spent.done();
      return view(0);
    });
  }

  /** A process that ends while gating only waits has not died of the release. */
  async function stopExecuting(): Promise<void> {
    if (memory.record.executing) await saveRecord({ executing: false });
  }

  const view = (heldMs: number): GatingView => ({
    heldMs,
    dueInMs: finding === undefined ? undefined : Math.max(0, (dueMs ?? 0) - clock.monotonicMs()),
  });

  async function saveRecord(
    changes: Partial<typeof memory.record>,
    ...operations: Parameters<typeof store.batch>[0]
  ): Promise<void> {
    const record = { ...memory.record, ...changes };
    await store.batch([...operations, putRecord(keys.update, record)]);
    memory.record = record;
  }

  async function isFree(content: string): Promise<boolean> {
    const { learningState } = memory;
    if (learningState === undefined || utterances.counts.holdout < minimumHoldout) return true;
    return verdicts.hasRun(content) || content === (await contentOf(learningState.pair.release, hashing));
  }

  /** Extracts and fits in the background, while the old pair answers and learns. */
  async function run(pair: Pair, remainingMs: number, signal: AbortSignal): Promise<void> {
    const endMs = clock.monotonicMs() + remainingMs;
    const isRetry = dueMs !== undefined;
    dueMs ??= mode === "judged" ? endMs : 0;
    // Opened in one task: an utterance forgotten or said anew while the features are read would otherwise stay in them.
    const learningState = await serial(async () => {
      const opened = await learner.openLearningState(pair);
      memory.candidateFeatures = opened.features;
      return opened;
    });
    await learner.extractMissing(learningState, signal, serial);
    if (signal.aborted) {
      // The retry resumes from the features that it has. If it runs out of time as well, this device does not take the release.
      if (isRetry && clock.monotonicMs() >= endMs) finding = "none";
      return;
    }
    await serial(async () => {
      finding = await find(learningState);
      await stopExecuting();
    });
  }

  /** Runs inside `serial`. */
  async function find(learningState: LearningState): Promise<Finding> {
    await learner.extractMissing(learningState, new AbortController().signal, alone);
    const { revision } = utterances;
    const fitted = await learner.fit(learningState);
    if (mode === "unjudged" || memory.learningState === undefined)
      return { taken: true, learningState, fitted, revision };
    const before = memory.learningState;
    const lacks = utterances.ids().some((id) => isUnreadable(learningState, id) && !isUnreadable(before, id));
    const taken = !lacks && personalGate(await learner.fit(before), fitted).ok;
    return { taken, learningState, fitted, revision };
  }

  const isUnreadable = ({ features }: LearningState, id: string) => features.get(id) === undefined;

  function conclude(): Promise<void> {
    return serial(async () => {
      let found = finding;
      if (found === undefined || found === "none") {
        await reject();
        return forgetAll();
      }
      if (found.revision !== utterances.revision) found = await find(found.learningState);
      if (found.taken) await commit(found.learningState, found.fitted);
      else await reject();
      forgetAll();
    });
  }

  return { admit, run, conclude, forgetAll, isHeld: () => held };
}

export type Gating = ReturnType<typeof createGating>;
