// The progress lines of a training run, and of reading many texts before or after it.

import { createStatusLine, inWords, type ProgressOutput } from "@attune/platform/status-line";
import type { ExtractionProgress } from "../../checkpoints/extractor-files.js";
import type { ProgressReport } from "../loop/trainer.js";

export interface ProgressLine {
  show(progress: ProgressReport): void;
  /** Call it when training returns, which may be before its last step. */
  end(): void;
}

export function createProgressLine(output: ProgressOutput): ProgressLine {
  const line = createStatusLine(output);
  return {
    show: (progress) => line.show(() => progressText(progress), progress.step === progress.steps),
    end: line.end,
  };
}

/** Shows one extraction after the other, each from zero to its total. */
export function createExtractionLine(output: ProgressOutput): (progress: ExtractionProgress) => void {
  const line = createStatusLine(output);
  let current: { readonly what: string; readonly startMs: number } | undefined;
  return ({ what, done, total }) => {
    if (current?.what !== what) current = { what, startMs: output.nowMs() };
    const secondsLeft = ((output.nowMs() - current.startMs) / 1000 / done) * (total - done);
    const isLast = done === total;
    // At the first batch, the line cannot know how long a batch takes.
    const left = isLast || secondsLeft === 0 ? "" : ` · ${inWords(secondsLeft)} left`;
    line.show(() => `${what}: ${Math.floor((100 * done) / total)}%${left}`, isLast);
    if (isLast) line.end();
  };
}

export function progressText({ step, steps, epoch, epochs, loss, devMetric, secondsLeft }: ProgressReport): string {
  const dev = devMetric === undefined ? "" : ` · dev ${devMetric.toFixed(4)}`;
  return `epoch ${epoch + 1}/${epochs} · step ${step}/${steps} · loss ${loss.toFixed(4)}${dev} · ${inWords(secondsLeft)} left`;
}
