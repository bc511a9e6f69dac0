// Refits the mixture that answers, and saves the result before it answers.

import type { Context } from "../agent-state.js";
import { requireLearningState } from "../agent-state.js";
import type { LearningState } from "../learning/learning-state.js";
import type { Measured, Refitted } from "../learning/refit.js";
import type { StoreOperation } from "../ports.js";

type RefitContext = Pick<Context, "ports" | "agentState" | "learner" | "utterances" | "lessons">;

/**
 * Runs inside `exclusive`, so that labels wait meanwhile. Writes `operations` together with the result.
 * Throws NO_RELEASE.
 */
export async function refitNow(context: RefitContext, operations: readonly StoreOperation[] = []): Promise<Measured> {
  const learningState = requireLearningState(context.agentState);
  return adopt(context, learningState, { refitted: (await context.learner.refit(learningState))!, operations });
}

/** Gives up at the next label, forgetting or release, or when `signal` aborts. */
export async function refitQuietly(
  context: RefitContext & Pick<Context, "exclusive">,
  signal: AbortSignal,
): Promise<void> {
  const { agentState, utterances, learner, exclusive } = context;
  const learningState = requireLearningState(agentState);
  const { revision } = utterances;
  const isCurrent = () =>
    !signal.aborted && agentState.learningState === learningState && utterances.revision === revision;
  const refitted = await learner.refit(learningState, isCurrent);
  await exclusive(async () => {
    if (refitted !== undefined && isCurrent()) await adopt(context, learningState, { refitted, operations: [] });
  });
}

async function adopt(
  { ports, agentState, learner, utterances, lessons }: RefitContext,
  learningState: LearningState,
  { refitted, operations }: { readonly refitted: Refitted; readonly operations: readonly StoreOperation[] },
): Promise<Measured> {
  await ports.store.batch([...(await learner.putMixture(learningState, refitted)), ...operations]);
  learningState.live = refitted.live;
  agentState.measured = refitted.measured;
  lessons.add({ kind: "refit", utterances: utterances.counts });
  return refitted.measured;
}
