// The two ends of gating: the release becomes active together with the heads fitted on it, or it is removed.

import { AppError } from "@attune/shared/errors";
import { type Context, keys } from "../agent-state.js";
import { doDueWork } from "../jobs/due-work.js";
import type { Fitted } from "../learning/fit.js";
import type { LearningState } from "../learning/learning-state.js";
import { deleteRelearnMark } from "../learning/relearn-mark.js";
import { putRecord } from "../storage/records.js";
import type { ActiveSlot } from "../update/slots.js";
import { contentOf } from "../update/verdicts.js";
import { tidy } from "./tidy.js";
import { targetUnderWay, type UpdateWriter } from "./update-writer.js";

export interface CommitParts {
  readonly context: Context;
  readonly writer: UpdateWriter;
}

/** Runs inside `exclusive`. */
export async function commit(
  { context, writer }: CommitParts,
  learningState: LearningState,
  fitted: Fitted,
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
    ...(await learner.deleteHeads(learningState.features)),
    ...(await learner.putHead(learningState, fitted)),
    deleteRelearnMark,
    putRecord(keys.active, activeSlot),
    ran.operation,
  ];
  await writer.finish({ state: "committed", reason: "none" }, operations, target.sequence);
  ran.onWritten();
  agentState.activeSlot = activeSlot;
  agentState.learningState = learningState;
  agentState.fitted = fitted;
  try {
    await doDueWork(context);
    await tidy(context);
  } catch (error) {
    // The commit stands. The next label and the next start do what is left.
    ports.log("warn", "update.unfinished", { code: error instanceof AppError ? error.code : "INTERNAL" });
  }
}

export async function reject({ context, writer }: CommitParts): Promise<void> {
  await writer.finish({ state: "rejected", reason: "personalInferior" });
  await tidy(context);
}
