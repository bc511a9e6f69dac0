// The progress bar of an experiment: the share that is done, and the time left, estimated from finished tasks.

import { createStatusLine, inWords, type ProgressOutput } from "@attune/platform/status-line";

export interface ProgressBar {
  /** `done` and `total` are in the tasks' cost units; `spent` is this run's part of `done`. */
  update(state: { readonly what: string; readonly done: number; readonly total: number; readonly spent: number }): void;
  end(): void;
}

const barWidth = 24;

export function createProgressBar(output: ProgressOutput): ProgressBar {
  const { nowMs } = output;
  const line = createStatusLine(output);
  const started = nowMs();
  return {
    update({ what, done, total, spent }) {
      line.show(() => {
        const share = total === 0 ? 1 : Math.min(1, done / total);
        const filled = Math.round(share * barWidth);
        const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
        const left = spent > 0 ? ` · ${inWords((((nowMs() - started) / 1000) * (total - done)) / spent)} left` : "";
        return `${bar} ${String(Math.floor(100 * share)).padStart(3)}%${left} · ${what}`;
      }, done >= total);
    },
    end: () => line.end(),
  };
}
