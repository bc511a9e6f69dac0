// A benchmark's progress on standard error: the work in hand, the share that is done, and the time left.

export interface BenchProgress {
  /** Begins a piece of work of this weight (seconds on a quiet machine, roughly). */
  begin(what: string, weight: number): void;
  /** Sets the share of the running piece of work that is done, from 0 to 1. */
  advance(share: number): void;
  say(line: string): void;
}

const sayEveryMs = 5_000;

/** `total` is the sum of the weights that will be begun. */
export function createBenchProgress(
  title: string,
  total: number,
  write: (text: string) => unknown = (text) => process.stderr.write(text),
) {
  const startedAt = performance.now();
  let done = 0;
  let current = { what: "", weight: 0 };
  let saidAt = Number.NEGATIVE_INFINITY;

  function show(share: number): void {
    const reached = Math.min(1, (done + share * current.weight) / total);
    const elapsed = (performance.now() - startedAt) / 1000;
    const left = reached > 0.02 ? `, ${duration((elapsed * (1 - reached)) / reached)} left` : "";
    write(`${title}: ${current.what}, ${Math.floor(100 * reached)}%${left}\n`);
    saidAt = performance.now();
  }

  const progress: BenchProgress = {
    begin(what, weight) {
      done += current.weight;
      current = { what, weight };
      show(0);
    },
    advance(share) {
      if (performance.now() - saidAt >= sayEveryMs) show(share);
    },
    say: (line) => void write(`${title}: ${line}\n`),
  };
  return progress;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
