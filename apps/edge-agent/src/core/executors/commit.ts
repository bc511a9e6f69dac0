// The two ends of gating: the release becomes active together with the mixture refitted on it, or it is refused.

import type { Verdict } from "@attune/shared/contracts/current-state";
import { codeOf } from "@attune/shared/errors";
import { type Context, keys } from "../agent-state.js";
import { alreadyExclusive } from "../concurrency/exclusive.js";
import { doDueWork } from "../jobs/due-work.js";
import type { LearningState } from "../learning/learning-state.js";
import type { Refitted } from "../learning/refit.js";
import { putRecord } from "../storage/records.js";
import type { ActiveSlot } from "../update/slots.js";
import { contentOf } from "../update/verdicts.js";
import { tidy } from "./tidy.js";
import { targetUnderWay, type UpdateWriter } from "./update-writer.js";

interface CommitParts {
  readonly context: Context;
  readonly writer: UpdateWriter;
  /** Called once a release is active. */
  readonly onCommit: () => void;
}

interface TakenRelease {
  readonly learningState: LearningState;
  /** Undefined where a refit must follow the commit. */
  readonly refitted: Refitted | undefined;
  /** Undefined where the release was taken without a verdict. */
  readonly verdict: Verdict | undefined;
}

/** Runs inside `exclusive`. */
export async function commit(
  { context, writer, onCommit }: CommitParts,
  { learningState, refitted, verdict }: TakenRelease,
): Promise<void> {
  const { ports, agentState, learner, verdicts } = context;
  const target = targetUnderWay(agentState);
  const previous = agentState.activeSlot ?? null;
  const activeSlot: ActiveSlot = {
    version: 1,
    ...target,
    previous: previous && { sequence: previous.sequence, manifestSha256: previous.manifestSha256 },
  };
  const ran = verdicts.recordRun(await contentOf(learningState.model.release, ports.hashing));
  const operations = [
    ...(await (refitted === undefined ? learner.deleteHeads() : learner.putMixture(learningState, refitted))),
    putRecord(keys.active, activeSlot),
    ...ran.operations,
  ];
  await writer.finish({ state: "committed", reason: "none", verdict }, operations, target.sequence);
  ran.onWritten();
  agentState.activeSlot = activeSlot;
  if (refitted !== undefined) learningState.live = refitted.live;
  agentState.learningState = learningState;
  agentState.measured = refitted?.measured;
  onCommit();
  try {
    if (refitted === undefined) await learner.extractMissing(learningState, wholeExtraction);
    await doDueWork(context);
    await tidy(context);
  } catch (error) {
    // The commit stands. The next label and the next start do what is left.
    ports.log("warn", "update.unfinished", { code: codeOf(error) });
  }
}

/** Changes after the refit are extracted without interruption. */
const wholeExtraction = { signal: new AbortController().signal, exclusive: alreadyExclusive };

export async function reject({ context, writer }: CommitParts): Promise<void> {
  const settled = context.verdicts.settle();
  await writer.finish({ state: "rejected", reason: "personalInferior", verdict: "worse" }, settled.operations);
  settled.onWritten();
  await tidy(context);
}
