// The two ends of gating: the release becomes active together with the heads fitted on it, or it is removed.

import { AppError } from "@attune/shared/errors";
import { type Context, keys } from "../agent-state.js";
import type { Fitted, LearningState } from "../learning/learner.js";
import { clearRelearnMark } from "../learning/relearn-mark.js";
import { putRecord } from "../storage/records.js";
import type { ActiveSlot } from "../update/slots.js";
import { contentOf } from "../update/verdicts.js";
import { type Progress, underWay } from "./progress.js";
import { tidy } from "./tidy.js";

export interface CommitParts {
  readonly context: Pick<Context, "ports" | "memory" | "learner" | "verdicts">;
  readonly progress: Progress;
  /** Makes the reports that waited for a release. */
  readonly settle: () => Promise<void>;
}

/** Runs inside the lessons' serial. */
export async function commit(
  { context, progress, settle }: CommitParts,
  learningState: LearningState,
  fitted: Fitted,
): Promise<void> {
  const { ports, memory, learner, verdicts } = context;
  const target = underWay(memory);
  const previous = memory.active ?? null;
  const active: ActiveSlot = {
    version: 1,
    ...target,
    previous: previous && { sequence: previous.sequence, manifestSha256: previous.manifestSha256 },
  };
  const ran = verdicts.note(await contentOf(learningState.pair.release, ports.hashing));
  const operations = [
    ...(await learner.removeHeads(learningState.features)),
    ...(await learner.save(learningState, fitted)),
    clearRelearnMark,
    putRecord(keys.active, active),
    ran.operation,
  ];
  await progress.finish({ state: "committed", reason: "none" }, operations, target.sequence);
  ran.done();
  memory.active = active;
  memory.learningState = learningState;
  memory.fitted = fitted;
  try {
    await settle();
    await tidy(context);
  } catch (error) {
    // The commit stands. The next label and the next start do what is left.
    ports.log("warn", "update.unfinished", { code: error instanceof AppError ? error.code : "INTERNAL" });
  }
}

export async function reject({ context, progress }: Pick<CommitParts, "context" | "progress">): Promise<void> {
  await progress.finish({ state: "rejected", reason: "personalInferior" });
  await tidy(context);
}
