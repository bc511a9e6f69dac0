// Forgets an utterance: its text, its features and every head that has seen it.

import { type Forgotten, utteranceIdSchema } from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { refitNow } from "../jobs/refit.js";
import { forgetUtterance } from "../learning/forget.js";

/** Throws INVALID_INPUT. */
export function forget(context: Context, input: string): Promise<Forgotten> {
  const { ports, agentState, utterances, tombstones, learner, scores, exclusive } = context;
  const { store } = ports;
  return exclusive(async () => {
    const id = parseInput(utteranceIdSchema, input, "id");
    const wasLabelled = utterances.entry(id) !== undefined;
    const forgetting = await forgetUtterance({ store, utterances, learner, scores }, id);
    if (forgetting === undefined) return { removed: false };
    // The tombstone comes first, so that the next start finishes a forgetting that dies after this line.
    await tombstones.add(id);
    await store.erase(forgetting.operations);
    forgetting.onWritten();
    agentState.candidateFeatures?.onWritten(id, undefined);
    const { learningState } = agentState;
    learningState?.features.onWritten(id, undefined);
    context.lessons.add({ kind: "forgotten", utterances: utterances.counts });
    if (!wasLabelled || learningState === undefined) return { removed: true, retrained: false };
    // The prior answers until the refit, which has never met the utterance.
    learningState.live = learner.createMixture(learningState.model);
    agentState.measured = undefined;
    await refitNow(context);
    return { removed: true, retrained: true };
  });
}
