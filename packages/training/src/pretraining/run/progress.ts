// The progress of a training run as a command shows it.

import type { ProgressState } from "@attune/platform/progress";
import type { ProgressReport } from "../loop/trainer.js";

export function trainingProgress(report: ProgressReport): ProgressState {
  const { step, steps, epoch, epochs, loss, devMetric, secondsLeft } = report;
  const dev = devMetric === undefined ? "" : ` · dev ${devMetric.toFixed(4)}`;
  const what = `epoch ${epoch + 1}/${epochs} · step ${step}/${steps} · loss ${loss.toFixed(4)}${dev}`;
  return { what, done: step, total: steps, secondsLeft };
}
