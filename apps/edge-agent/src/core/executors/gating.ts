// Gating is the one state of an update that touches what the person said. The server receives one word about it, at a
// time that was set before: the verdict. Errors on the person's texts count as `worse`, and are no word of their own.

import { minPairs, pairedVerdict } from "@attune/ml/metrics/paired-verdict";
import type { Verdict } from "@attune/shared/contracts/current-state";
import { slugsOf } from "@attune/shared/contracts/label-set";
import type { Release } from "@attune/shared/contracts/release";
import { codeOf } from "@attune/shared/errors";
import type { Context } from "../agent-state.js";
import { alreadyExclusive } from "../concurrency/exclusive.js";
import { childController } from "../concurrency/timeout.js";
import type { LearningState } from "../learning/learning-state.js";
import type { Refitted } from "../learning/refit.js";
import type { GatingView } from "../plan.js";
import type { Model } from "../prediction/model.js";
import { contentOf } from "../update/verdicts.js";
import { commit, reject } from "./commit.js";
import type { UpdateWriter } from "./update-writer.js";

interface GatingParts {
  readonly context: Context;
  readonly writer: UpdateWriter;
  readonly onCommit: () => void;
}

/** The pause between two judged releases under contract 1, which sets none. */
const unboundedPauseMs = 7 * 24 * 3_600_000;

interface Finding {
  /** Undefined where the release needs none. */
  readonly verdict: Verdict | undefined;
  readonly learningState: LearningState;
  readonly refitted: Refitted;
  /** The utterances' revision in this finding: nothing that was forgotten after it may stay in a head. */
  readonly revision: number;
}

interface GatingState {
  /** A verdict is made only where both models can be compared. A release that has run here before needs no verdict. */
  needsVerdict: boolean;
  finding: Finding | "outOfTime" | undefined;
  /** The time at which the finding is acted on, by the steady clock. */
  dueMs: number | undefined;
  /** Whether gating waits until another release may be judged. */
  held: boolean;
  /** The manifest of the release that the person lets in without a verdict. */
  letIn: string | undefined;
}

const notGating: GatingState = {
  needsVerdict: false,
  finding: undefined,
  dueMs: undefined,
  held: false,
  letIn: undefined,
};

export interface Gating {
  /** Decides how the release is gated, and counts a verdict before anything of the person is touched. */
  admit(release: Release): Promise<GatingView>;
  /** Extracts and refits in the background, while the old model answers and learns. */
  run(candidate: GatingRun): Promise<void>;
  /** Acts on the finding: commits the release or rejects it. */
  conclude(): Promise<void>;
  /** Drops all that was found. */
  reset(): void;
  isHeld(): boolean;
  /** The person lets the held release in without a verdict. Returns its number; undefined where none is held. */
  letWaitingIn(): number | undefined;
}

export function createGating(parts: GatingParts): Gating {
  const { exclusive, agentState } = parts.context;
  const state = { ...notGating };
  function reset(): void {
    Object.assign(state, notGating);
    agentState.candidateFeatures = undefined;
  }
  return {
    admit: (release) => exclusive(() => admit(parts, state, release)),
    run: (candidate) => run(parts, state, candidate),
    conclude: () =>
      exclusive(async () => {
        await conclude(parts, state);
        reset();
      }),
    reset,
    isHeld: () => state.held,
    letWaitingIn() {
      if (!state.held) return undefined;
      const { sequence, manifestSha256 } = agentState.update.target!;
      state.letIn = manifestSha256;
      return sequence;
    },
  };
}

/** Runs inside `exclusive`. */
async function admit(parts: GatingParts, state: GatingState, release: Release): Promise<GatingView> {
  const { context, writer } = parts;
  const { ports, agentState, verdicts } = context;
  const { clock } = ports;
  state.held = false;
  const dueInMs = () => Math.max(0, (state.dueMs ?? 0) - clock.monotonicMs());
  if (state.needsVerdict && state.dueMs !== undefined && dueInMs() === 0) state.finding ??= "outOfTime";
  if (state.finding !== undefined) return { heldMs: 0, dueInMs: dueInMs() };
  const { manifestSha256 } = agentState.update.target!;
  state.needsVerdict = manifestSha256 !== state.letIn && (await needsVerdict(context, release));
  const heldMs = verdicts.pauseLeftMs();
  if (!state.needsVerdict || verdicts.isCounted(manifestSha256)) return { heldMs: 0, dueInMs: undefined };
  if (heldMs > 0) {
    state.held = true;
    await stopExecuting(parts);
    return { heldMs, dueInMs: undefined };
  }
  const pauseMs = context.egress.rules?.verdictPauseMs ?? unboundedPauseMs;
  const counted = verdicts.countVerdict(manifestSha256, pauseMs);
  await writer.save({ ...agentState.update, enteredAtMs: clock.nowMs() }, counted.operations);
  counted.onWritten();
  return { heldMs: 0, dueInMs: undefined };
}

async function needsVerdict(context: Context, release: Release): Promise<boolean> {
  const { ports, agentState, egress, utterances, verdicts } = context;
  const { learningState } = agentState;
  if (learningState === undefined) return false;
  // Under a bounded contract the number of labels must not decide whether a verdict leaves.
  const isBounded = egress.rules !== undefined;
  if (!isBounded && utterances.counts.holdout < minPairs) return false;
  const content = await contentOf(release, ports.hashing);
  return !verdicts.hasRun(content) && content !== (await contentOf(learningState.model.release, ports.hashing));
}

/** A process that ends while gating only waits has not died of the release. */
async function stopExecuting({ context: { agentState }, writer }: GatingParts): Promise<void> {
  if (agentState.update.executing) await writer.save({ ...agentState.update, executing: false });
}

interface GatingRun {
  readonly model: Model;
  readonly remainingMs: number;
  readonly signal: AbortSignal;
}

/** The pause after a failure while a verdict is due. A pause that grows could end after the verdict's time. */
const retryMs = 60_000;

async function run(parts: GatingParts, state: GatingState, candidate: GatingRun): Promise<void> {
  const { clock, log } = parts.context.ports;
  const { remainingMs, signal } = candidate;
  const endMs = clock.monotonicMs() + remainingMs;
  const isRetry = state.dueMs !== undefined;
  state.dueMs ??= state.needsVerdict ? endMs : 0;
  const { controller, detach } = childController(signal);
  const limitMs = Math.max(0, (state.needsVerdict ? state.dueMs : endMs) - clock.monotonicMs());
  void clock.sleep(limitMs, controller.signal).then(() => controller.abort());
  try {
    await extractAndJudge(parts, state, { ...candidate, signal: controller.signal });
  } catch (error) {
    if (!state.needsVerdict) throw error;
    log("error", "gating.failed", { code: codeOf(error) });
    await clock.sleep(retryMs, controller.signal);
  } finally {
    detach();
    controller.abort();
  }
  // A release without a verdict gets a second run, which resumes from the features of the first.
  if (isRetry && clock.monotonicMs() >= endMs) state.finding ??= "outOfTime";
}

async function extractAndJudge(parts: GatingParts, state: GatingState, { model, signal }: GatingRun): Promise<void> {
  const { agentState, learner, exclusive } = parts.context;
  // Opened in one task: an utterance forgotten or said anew while the features are read would otherwise stay in them.
  const learningState = await exclusive(async () => {
    const opened = await learner.openLearningState(model);
    agentState.candidateFeatures = opened.features;
    return opened;
  });
  await learner.extractMissing(learningState, { signal, exclusive });
  if (signal.aborted) return;
  await exclusive(async () => {
    state.finding = await judge(parts.context, state, learningState);
    await stopExecuting(parts);
  });
}

/** Runs inside `exclusive`. */
async function judge(context: Context, state: GatingState, learningState: LearningState): Promise<Finding> {
  const { agentState, learner, utterances } = context;
  const extraction = { signal: new AbortController().signal, exclusive: alreadyExclusive };
  await learner.extractMissing(learningState, extraction);
  const { revision } = utterances;
  const refitted = (await learner.refit(learningState))!;
  const finding = { learningState, refitted, revision };
  const before = agentState.learningState;
  if (!state.needsVerdict || before === undefined) return { ...finding, verdict: undefined };
  const isUnreadable = ({ features }: LearningState, id: string) => features.get(id) === undefined;
  const lacks = utterances.ids().some((id) => isUnreadable(learningState, id) && !isUnreadable(before, id));
  if (lacks) return { ...finding, verdict: "worse" };
  const { rightOnHoldout } = (await learner.refit(before))!;
  // A label that only one of the two releases knows says nothing about which is better: its utterances wait, or waited.
  const holdout = utterances.ids().filter((id) => utterances.entry(id)!.split === "holdout");
  const isCommon = holdout.map((id) => [before, learningState].every((state) => knows(state, utterances.entry(id)!)));
  const pairs = (right: readonly boolean[]) => right.filter((_, i) => isCommon[i]);
  return { ...finding, verdict: pairedVerdict(pairs(rightOnHoldout), pairs(refitted.rightOnHoldout)) };
}

function knows({ model }: LearningState, { label }: { readonly label: string }): boolean {
  return slugsOf(model.release.labels).includes(label);
}

/**
 * Runs inside `exclusive`. Nothing is computed here, since the time of the verdict must not depend on
 * what the person said.
 */
async function conclude(parts: GatingParts, { finding }: GatingState): Promise<void> {
  if (finding === undefined || finding === "outOfTime" || finding.verdict === "worse") return reject(parts);
  const { learningState, refitted, revision, verdict } = finding;
  const isCurrent = revision === parts.context.utterances.revision;
  await commit(parts, { learningState, refitted: isCurrent ? refitted : undefined, verdict });
}
