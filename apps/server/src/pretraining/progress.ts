// The progress line of a training run.

import { createStatusLine, inWords, type ProgressOutput } from "../platform/status-line.js";
import type { ProgressReport } from "./trainer.js";

export function createProgressLine(output: ProgressOutput): (progress: ProgressReport) => void {
  const line = createStatusLine(output);
  return (progress) => {
    const isLast = progress.step === progress.steps;
    line.show(() => progressText(progress), isLast);
    if (isLast) line.end();
  };
}

export function progressText({ step, steps, epoch, epochs, loss, devMetric, secondsLeft }: ProgressReport): string {
  const dev = devMetric === undefined ? "" : ` · dev ${devMetric.toFixed(4)}`;
  return `epoch ${epoch + 1}/${epochs} · step ${step}/${steps} · loss ${loss.toFixed(4)}${dev} · ${inWords(secondsLeft)} left`;
}
