// The progress bar of an experiment: share done and time left, from what the tasks before took.

export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTty: boolean;
  readonly nowMs: () => number;
}

export interface Progress {
  /** `done` and `total` in the tasks' cost units; `spent` of them in this run. */
  update(state: { readonly what: string; readonly done: number; readonly total: number; readonly spent: number }): void;
  end(): void;
}

const barWidth = 24;

/** On a terminal one line rewritten in place, elsewhere a line every ten seconds. */
export function createProgress({ write, isTty, nowMs }: ProgressOutput): Progress {
  const started = nowMs();
  let next = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update({ what, done, total, spent }) {
      const now = nowMs();
      if (now < next && done < total) return;
      next = now + (isTty ? 150 : 10_000);
      const share = total === 0 ? 1 : Math.min(1, done / total);
      const filled = Math.round(share * barWidth);
      const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`;
      const left = spent > 0 ? ` · ${duration((((now - started) / 1000) * (total - done)) / spent)} left` : "";
      const line = `${bar} ${String(Math.floor(100 * share)).padStart(3)}%${left} · ${what}`;
      write(isTty ? `\r\x1b[2K${line}` : `${line}\n`);
      shown = true;
    },
    end() {
      if (isTty && shown) write("\n");
    },
  };
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
