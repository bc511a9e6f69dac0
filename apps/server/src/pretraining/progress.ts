// The progress line of a training run: rewritten in place on a terminal, one line every few seconds elsewhere.

import type { ProgressReport } from "./trainer.js";

export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  readonly nowMs: () => number;
}

export function createProgressLine({ write, isTty, nowMs }: ProgressOutput): (progress: ProgressReport) => void {
  let next = Number.NEGATIVE_INFINITY;
  return (progress) => {
    const last = progress.step === progress.steps;
    if (nowMs() < next && !last) return;
    next = nowMs() + (isTty ? 200 : 10_000);
    write(isTty ? `\r\x1b[2K${progressText(progress)}${last ? "\n" : ""}` : `${progressText(progress)}\n`);
  };
}

export function progressText({ step, steps, epoch, epochs, loss, devMetric, secondsLeft }: ProgressReport): string {
  const dev = devMetric === undefined ? "" : ` · dev ${devMetric.toFixed(4)}`;
  return `epoch ${epoch + 1}/${epochs} · step ${step}/${steps} · loss ${loss.toFixed(4)}${dev} · ${duration(secondsLeft)} left`;
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
