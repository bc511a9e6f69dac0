// The pause before a retry: exponential, with a cap and jitter.

export interface BackoffRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/** A larger exponent changes nothing, and the product stays finite. */
const maxExponent = 30;

/**
 * The pause in milliseconds after `failures` attempts in a row, counted from 1: between half and all of minimum ·
 * 2^(failures − 1), capped at maximum. The jitter keeps many processes from coming back at the same moment. `random` is
 * uniform in [0, 1).
 */
export function backoffMs(
  failures: number,
  { minMs, maxMs }: BackoffRange,
  random: () => number = Math.random,
): number {
  const doublings = Math.min(maxExponent, Math.max(0, failures - 1));
  return Math.min(maxMs, minMs * 2 ** doublings) * (0.5 + random() / 2);
}
