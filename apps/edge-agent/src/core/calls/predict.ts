// Predicts the emotion of a text by the mixture, which has learned every label before.

import { predictionSet } from "@attune/ml/online/prediction-set";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { slugsOf } from "@attune/shared/contracts/label-set";
import { type PredictInput, type Prediction, predictInputSchema } from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import { type Context, headOf, requireLearningState } from "../agent-state.js";
import { wellFormed } from "./well-formed.js";

/** Throws NO_RELEASE or INVALID_INPUT. */
export function predict(
  { ports: { clock }, agentState, latencies }: Pick<Context, "ports" | "agentState" | "latencies">,
  input: PredictInput,
): Prediction {
  const { model, live } = requireLearningState(agentState);
  const { text: given, id = null } = parseInput(predictInputSchema, input);
  const text = wellFormed(given);
  const startedMs = clock.monotonicMs();
  const features = model.extract(text);
  const { data } = live.probabilities(createMatrix(1, features.length, features));
  const ms = clock.monotonicMs() - startedMs;
  latencies.add(ms);
  const labels = slugsOf(model.release.labels);
  const set = predictionSet(live.coverage, data).map((i) => labels[i]!);
  const probabilities = Object.fromEntries(labels.map((label, i) => [label, data[i]!]));
  return { id, label: set[0]!, predictionSet: set, probabilities, head: headOf(agentState), ms };
}
