// Gating is the one state of an update that touches what the person said. The server receives one of two answers, at a time that was set
// before: the release was taken, or it was not. Errors on the person's texts are no third answer.

import type { Release } from "@attune/shared/contracts/release";
import { type Context, keys } from "../agent-state.js";
import { alreadyExclusive, type Exclusive } from "../concurrency/exclusive.js";
import { minimumHoldout } from "../egress/report.js";
import type { Fitted, LearningState } from "../learning/learner.js";
import type { GatingView } from "../plan.js";
import type { Model } from "../prediction/model.js";
import { putRecord } from "../storage/records.js";
import { personalGate } from "../update/personal-gate.js";
import { contentOf } from "../update/verdicts.js";

export interface GatingParts {
  readonly context: Context;
  /** Keeps labels out while a release is committed. */
  readonly exclusive: Exclusive;
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

export function createGating({ context, exclusive, commit, reject }: GatingParts) {
  const { ports, agentState, learner, utterances, verdicts } = context;
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
    agentState.candidateFeatures = undefined;
  }

  /** Decides how the release is gated, and pays for a verdict before anything of the person is touched. */
  function admit(release: Release): Promise<GatingView> {
    return exclusive(async () => {
      held = false;
      if (finding !== undefined) return view(0);
      const { manifestSha256 } = agentState.update.target!;
      mode = (await isFree(await contentOf(release, hashing))) ? "unjudged" : "judged";
      if (mode === "unjudged" || verdicts.isCounted(manifestSha256)) return view(0);
      const heldMs = verdicts.pauseLeftMs();
      if (heldMs > 0) {
        held = true;
        await stopExecuting();
        return view(heldMs);
      }
      const counted = verdicts.countVerdict(manifestSha256);
      await saveRecord({ enteredAtMs: clock.nowMs() }, counted.operation);
      counted.onWritten();
      return view(0);
    });
  }

  /** A process that ends while gating only waits has not died of the release. */
  async function stopExecuting(): Promise<void> {
    if (agentState.update.executing) await saveRecord({ executing: false });
  }

  const view = (heldMs: number): GatingView => ({
    heldMs,
    dueInMs: finding === undefined ? undefined : Math.max(0, (dueMs ?? 0) - clock.monotonicMs()),
  });

  async function saveRecord(
    changes: Partial<typeof agentState.update>,
    ...operations: Parameters<typeof store.batch>[0]
  ): Promise<void> {
    const record = { ...agentState.update, ...changes };
    await store.batch([...operations, putRecord(keys.update, record)]);
    agentState.update = record;
  }

  async function isFree(content: string): Promise<boolean> {
    const { learningState } = agentState;
    if (learningState === undefined || utterances.counts.holdout < minimumHoldout) return true;
    return verdicts.hasRun(content) || content === (await contentOf(learningState.model.release, hashing));
  }

  /** Extracts and fits in the background, while the old model answers and learns. */
  async function run(model: Model, remainingMs: number, signal: AbortSignal): Promise<void> {
    const endMs = clock.monotonicMs() + remainingMs;
    const isRetry = dueMs !== undefined;
    dueMs ??= mode === "judged" ? endMs : 0;
    // Opened in one task: an utterance forgotten or said anew while the features are read would otherwise stay in them.
    const learningState = await exclusive(async () => {
      const opened = await learner.openLearningState(model);
      agentState.candidateFeatures = opened.features;
      return opened;
    });
    await learner.extractMissing(learningState, signal, exclusive);
    if (signal.aborted) {
      // The retry resumes from the features that it has. If it runs out of time as well, this device does not take the release.
      if (isRetry && clock.monotonicMs() >= endMs) finding = "none";
      return;
    }
    await exclusive(async () => {
      finding = await find(learningState);
      await stopExecuting();
    });
  }

  /** Runs inside `exclusive`. */
  async function find(learningState: LearningState): Promise<Finding> {
    await learner.extractMissing(learningState, new AbortController().signal, alreadyExclusive);
    const { revision } = utterances;
    const fitted = await learner.fit(learningState);
    if (mode === "unjudged" || agentState.learningState === undefined)
      return { taken: true, learningState, fitted, revision };
    const before = agentState.learningState;
    const lacks = utterances.ids().some((id) => isUnreadable(learningState, id) && !isUnreadable(before, id));
    const taken = !lacks && personalGate(await learner.fit(before), fitted).ok;
    return { taken, learningState, fitted, revision };
  }

  const isUnreadable = ({ features }: LearningState, id: string) => features.get(id) === undefined;

  function conclude(): Promise<void> {
    return exclusive(async () => {
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
