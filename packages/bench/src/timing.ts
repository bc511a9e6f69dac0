// Times contenders in turn in one run, so that a machine whose speed drifts affects all of them alike.

import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "@attune/ml/tensor/random";

export interface Contender {
  readonly name: string;
  /** Does one unit of work and returns how many milliseconds that took. */
  readonly time: () => number | Promise<number>;
  /** Takes part in every n-th round only: a slow contender must not keep the quick ones from many rounds. Default 1. */
  readonly every?: number;
  /** The pause after each of its units, in place of the options' `pauseMs`. */
  readonly pauseMs?: number;
}

export interface Timing {
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

interface TimingOptions {
  readonly rounds: number;
  readonly warmups: number;
  /** The pause after each unit, in which another contender's threads stop spinning before the next one starts. */
  readonly pauseMs?: number;
  readonly onRound?: (done: number, total: number) => void;
  /** On a busy machine, no further round begins after this time, once there are a few. Default: a minute. */
  readonly budgetMs?: number;
  /** Receives the number of rounds if there were fewer than asked for. */
  readonly onCut?: (rounds: number) => void;
}

const minRounds = 5;

/** A contender whose work runs in this process; a promise is awaited, so that the time covers the whole computation. */
export function contender(name: string, work: () => unknown): Contender {
  return {
    name,
    async time() {
      const startedAt = performance.now();
      const result = work();
      if (result instanceof Promise) await result;
      return performance.now() - startedAt;
    },
  };
}

/**
 * Every round has a new order, so that the caches left by one contender affect all others alike. One timing a
 * contender, in the given order.
 */
export async function timeInTurn(contenders: readonly Contender[], options: TimingOptions): Promise<Timing[]> {
  const { rounds, warmups, pauseMs, onRound, budgetMs = 60_000, onCut } = options;
  const samples = contenders.map(() => [] as number[]);
  const order = Int32Array.from(contenders.keys());
  const random = createRandom(7);
  const startedAt = performance.now();
  for (let round = 0; round < warmups + rounds; round++) {
    if (round >= warmups + minRounds && performance.now() - startedAt > budgetMs) {
      onCut?.(round - warmups);
      break;
    }
    random.shuffle(order);
    for (const index of order) {
      const { every = 1, time, pauseMs: ownPauseMs = pauseMs } = contenders[index]!;
      if (round >= warmups && (round - warmups) % every !== 0) continue;
      const milliseconds = await time();
      if (round >= warmups) samples[index]!.push(milliseconds);
      if (ownPauseMs !== undefined) await sleep(ownPauseMs);
    }
    onRound?.(round + 1, warmups + rounds);
  }
  return samples.map(summarize);
}

export function summarize(samples: readonly number[]): Timing {
  const sorted = Float64Array.from(samples).sort();
  return { medianMs: quantile(sorted, 0.5), p90Ms: quantile(sorted, 0.9), p99Ms: quantile(sorted, 0.99) };
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
