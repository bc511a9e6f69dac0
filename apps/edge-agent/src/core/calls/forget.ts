// Forgets an utterance: its text, its features and every head that has seen it.

import { type Forgotten, utteranceIdSchema } from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { relearn } from "../jobs/relearn.js";
import { forgetUtterance } from "../learning/forget.js";

/** Throws INVALID_INPUT. */
export function forget(context: Context, input: string): Promise<Forgotten> {
  const { ports, agentState, utterances, tombstones, learner, scores, exclusive } = context;
  const { store } = ports;
  return exclusive(async () => {
    const id = parseInput(utteranceIdSchema, input, "id");
    const hadLearned = agentState.fitted !== undefined;
    const forgetting = await forgetUtterance({ store, utterances, learner, scores }, id, hadLearned);
    if (forgetting === undefined) return { removed: false };
    // The tombstone comes first, so that the next start finishes a forgetting that dies after this line.
    await tombstones.add(id);
    await store.erase(forgetting.operations);
    forgetting.onWritten();
    agentState.learningState?.features.onWritten(id, undefined);
    agentState.candidateFeatures?.onWritten(id, undefined);
    agentState.fitted = undefined;
    if (hadLearned) await relearn(context);
    return { removed: true, retrained: hadLearned };
  });
}
