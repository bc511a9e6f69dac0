// A benchmark's progress on standard error, out of the weights of its pieces of work.

import { createProgress, type ProgressOutput } from "@attune/platform/progress";

export interface BenchProgress {
  /** Begins a piece of work of this weight (seconds on a quiet machine, roughly). */
  begin(what: string, weight: number): void;
  /** Sets the share of the running piece of work that is done, from 0 to 1. */
  advance(share: number): void;
  say(line: string): void;
}

const standardError: ProgressOutput = {
  write: (text) => void process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
  nowMs: () => performance.now(),
};

/** `total` is the sum of the weights that will be begun. */
export function createBenchProgress(title: string, total: number, output = standardError): BenchProgress {
  const progress = createProgress(output);
  let done = 0;
  let current = { what: "", weight: 0 };
  const show = (share: number, isNew: boolean) =>
    progress.show({ what: `${title}: ${current.what}`, done: done + share * current.weight, total, isNew });
  return {
    begin(what, weight) {
      done += current.weight;
      current = { what, weight };
      show(0, true);
    },
    advance: (share) => show(share, false),
    say(line) {
      progress.end();
      output.write(`${title}: ${line}\n`);
    },
  };
}
