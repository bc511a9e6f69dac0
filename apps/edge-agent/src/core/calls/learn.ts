// Refits the mixture now, and reports the result where the caller asks for a report.

import { type Learned, type LearnInput, learnInputSchema } from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import { type Context, headOf, requireLearningState } from "../agent-state.js";
import { askForReport, doDueWork } from "../jobs/due-work.js";
import { hasMetricsReports } from "../jobs/metrics-report.js";
import { refitNow } from "../jobs/refit.js";

/** Throws NO_RELEASE or INVALID_INPUT. */
export function learn(context: Context, input: LearnInput = {}): Promise<Learned> {
  const { ports, agentState, utterances, exclusive } = context;
  return exclusive(async () => {
    const { report = false } = parseInput(learnInputSchema, input);
    const { sequence } = requireLearningState(agentState).model.release;
    const { train, holdout } = utterances.counts;
    const asked =
      report && hasMetricsReports(context)
        ? await askForReport(ports.store, { release: sequence, train, holdout })
        : [];
    const { trainMs, f1Prior, f1Personal } = await refitNow(context, asked);
    await doDueWork(context);
    return { head: headOf(agentState), trainMs, f1Prior, f1Personal, holdout };
  });
}
