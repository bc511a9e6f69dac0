// The times of the latest predictions, for percentiles. In memory only.

const kept = 512;

export interface Latencies {
  add(ms: number): void;
  /** The nearest-rank percentile, `share` from 0 to 1; null before the first prediction. */
  percentile(share: number): number | null;
}

export function createLatencies(): Latencies {
  const times: number[] = [];
  let next = 0;
  return {
    add(ms) {
      times[next] = ms;
      next = (next + 1) % kept;
    },
    percentile(share) {
      if (times.length === 0) return null;
      const sorted = Float64Array.from(times).sort();
      return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
    },
  };
}
