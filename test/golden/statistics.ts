// Reads the file that generate_statistics.py wrote, and compares draws with their distribution.

import { readFileSync } from "node:fs";
import type { RandomBytes } from "@attune/ml/privacy/discrete-laplace";
import { createRandom } from "@attune/ml/tensor/random";

export interface Statistics {
  readonly noisyCounts: readonly { readonly count: number; readonly probabilities: readonly number[] }[];
  readonly intervals: readonly {
    readonly pairs: number;
    readonly wins: number;
    readonly low: number;
    readonly high: number;
  }[];
  readonly studentQuantiles: readonly { readonly level: number; readonly freedom: number; readonly value: number }[];
  /** The χ² that a right sampler exceeds once in a million runs, by degrees of freedom. */
  readonly chiSquareLimits: { readonly byFreedom: Readonly<Record<string, number>> };
}

export function readStatistics(): Statistics {
  return JSON.parse(readFileSync(new URL("./statistics.json", import.meta.url), "utf8")) as Statistics;
}

/** A source of bytes that a seed repeats. */
export function seededBytes(seed: number): RandomBytes {
  const random = createRandom(seed);
  return (count) => {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = random.integer(256);
    return bytes;
  };
}

/**
 * Pearson's χ² of `draws` draws against the probability of each value. Values with fewer than 10 expected draws form
 * one bin with all others. A draw of a value without probability makes it infinite.
 */
export function chiSquare(draw: () => number, draws: number, probabilities: ReadonlyMap<number, number>) {
  const counts = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const value = draw();
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const common = [...probabilities].filter(([, probability]) => probability * draws >= 10);
  const bins = common.map(([value, probability]) => ({ seen: counts.get(value) ?? 0, expected: probability * draws }));
  const sum = (of: "seen" | "expected") => bins.reduce((total, bin) => total + bin[of], 0);
  const rest = { seen: draws - sum("seen"), expected: Math.max(0, draws - sum("expected")) };
  const all = rest.seen > 0 || rest.expected > 1e-6 ? [...bins, rest] : bins;
  return {
    freedom: all.length - 1,
    statistic: all.reduce((total, { seen, expected }) => total + (seen - expected) ** 2 / expected, 0),
  };
}
