// Work that is due after a label, a commit and a start: a refit, and metrics reports for milestones and for
// calls of `learn`. A report is due by what was learned, never by the time, so that a killed and restarted run ends
// with the same reports.

import { type Context, keys } from "../agent-state.js";
import { milestonesPassed } from "../learning/milestones.js";
import { lacksRows } from "../learning/refit-due.js";
import type { Store, StoreOperation } from "../ports.js";
import { putMark, putRecord } from "../storage/records.js";
import { hasMetricsReports, queueMetrics } from "./metrics-report.js";
import { refitNow } from "./refit.js";

const wantedPrefix = "report-wanted/";
const reportedPrefix = "reported/";

/** Runs inside `exclusive`. Work that finds no room in the outbox stays due. */
export async function doDueWork(context: Context): Promise<void> {
  const { agentState, utterances } = context;
  if (agentState.learningState === undefined || agentState.identity === undefined) return;
  if (lacksRows(agentState.learningState, utterances)) await refitNow(context);
  if (!hasMetricsReports(context)) return;
  const passed = milestonesPassed(utterances.counts.train);
  // The scores in a report are those of a refit.
  if (milestonesPassed(agentState.measured?.train ?? 0) < passed) await refitNow(context);
  if (await reportMilestones(context, passed)) await reportWanted(context);
}

/** Returns false where the outbox has no room. */
async function reportMilestones(context: Context, passed: number): Promise<boolean> {
  const { agentState } = context;
  while (agentState.milestonesReported < passed) {
    const reported = agentState.milestonesReported + 1;
    const sequence = await queueMetrics(context, [putRecord(keys.milestones, { version: 1, reported })]);
    if (sequence === undefined) return false;
    agentState.milestonesReported = reported;
  }
  return true;
}

/** Makes the reports that calls of `learn` asked for. */
async function reportWanted(context: Context): Promise<void> {
  const wanted: string[] = [];
  for await (const [key] of context.ports.store.entries(wantedPrefix)) wanted.push(key);
  for (const key of wanted) {
    const reported = putMark(reportedPrefix + key.slice(wantedPrefix.length));
    if ((await queueMetrics(context, [{ type: "delete", key }, reported])) === undefined) return;
  }
}

/**
 * The operations that ask for a report of what was learned: none where the same labels under the
 * same release were reported.
 */
export async function askForReport(
  store: Store,
  learned: { readonly release: number; readonly train: number; readonly holdout: number },
): Promise<StoreOperation[]> {
  const name = `${learned.release}/${learned.train}/${learned.holdout}`;
  const known = (await store.get(reportedPrefix + name)) !== undefined;
  return known ? [] : [putMark(wantedPrefix + name)];
}
