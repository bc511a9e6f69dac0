// The progress of a long job, as every command shows it: the share that is done, the time left, and the work in hand.

import { createStatusLine, inWords, type ProgressOutput } from "./status-line.js";

export type { ProgressOutput };

export interface ProgressState {
  readonly what: string;
  /** In any unit: bytes, steps, seconds of work. */
  readonly done: number;
  readonly total: number;
  /** Given by a job that knows its pace. Otherwise the pace since the job's first state counts. */
  readonly secondsLeft?: number | undefined;
  /** Writes this state also to a log that was written to a moment before. */
  readonly isNew?: boolean;
}

export interface Progress {
  /** Begins a job of another total, or of fewer parts done, on a line of its own. */
  show(state: ProgressState): void;
  /** Ends the line where a job ends early, so that other output begins on a line of its own. */
  end(): void;
}

export function createProgress(output: ProgressOutput): Progress {
  const line = createStatusLine(output);
  let first = { ms: 0, done: 0, total: Number.NaN };
  let lastDone = 0;
  return {
    show(state) {
      const { done, total, isNew = false } = state;
      const ms = output.nowMs();
      if (total !== first.total || done < lastDone) first = { ms, done, total };
      lastDone = done;
      const isLast = done >= total;
      // The first state alone gives no pace.
      const pace = (done - first.done) / (ms - first.ms);
      const secondsLeft = pace > 0 && pace < Number.POSITIVE_INFINITY ? (total - done) / pace / 1000 : undefined;
      line.show(() => progressText({ secondsLeft, ...state }), isLast || isNew);
      if (isLast) line.end();
    },
    end: line.end,
  };
}

const barWidth = 16;

export function progressText({ what, done, total, secondsLeft }: ProgressState): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * barWidth);
  const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
  const left = secondsLeft === undefined || share === 1 ? "" : ` · ${inWords(secondsLeft)} left`;
  return `${bar} ${String(Math.floor(100 * share)).padStart(3)}%${left} · ${what}`;
}
