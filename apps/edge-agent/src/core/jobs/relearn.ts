// Fits and saves the personal head, and only then answers with it.

import type { Context } from "../agent-state.js";
import { requireLearningState } from "../agent-state.js";
import type { Fitted } from "../learning/fit.js";
import { deleteRelearnMark } from "../learning/relearn-mark.js";
import type { StoreOperation } from "../ports.js";

/** Runs inside `exclusive`. Writes `operations` together with the head. Throws NO_RELEASE. */
export async function relearn(
  { ports: { store }, agentState, learner }: Pick<Context, "ports" | "agentState" | "learner">,
  operations: readonly StoreOperation[] = [],
): Promise<Fitted> {
  const learningState = requireLearningState(agentState);
  const fitted = await learner.fit(learningState);
  const saved = await learner.putHead(learningState, fitted);
  await store.batch([...saved, deleteRelearnMark, ...operations]);
  agentState.fitted = fitted;
  return fitted;
}
