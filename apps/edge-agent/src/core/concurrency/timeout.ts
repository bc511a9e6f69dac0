// A limit on waiting: nothing that the network promises may hold the agent for longer than its time limit.

import { AppError } from "@attune/shared/errors";
import type { Clock } from "../ports.js";

interface TimeLimit {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * The result of `work`, or TIMED_OUT after `timeoutMs` or when `signal` aborts, whatever `work` does then. The signal
 * of `work` aborts as well.
 */
export async function withTimeout<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { clock, timeoutMs, signal }: TimeLimit,
): Promise<T> {
  const { controller: working, detach } = childController(signal);
  const timer = new AbortController();
  const stop = () => timer.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) timer.abort();
  let settled = false;
  const late = clock.sleep(timeoutMs, timer.signal).then((): never => {
    if (!settled) working.abort();
    throw new AppError("TIMED_OUT", signal.aborted ? "the wait was stopped" : `nothing came within ${timeoutMs} ms`);
  });
  const result = work(working.signal);
  // The promise that loses the race settles later, without a listener.
  late.catch(() => undefined);
  result.catch(() => undefined);
  try {
    return await Promise.race([result, late]);
  } finally {
    settled = true;
    detach();
    signal.removeEventListener("abort", stop);
    timer.abort();
  }
}

/** A controller that aborts with `parent`. `detach` ends the connection of the two. */
export function childController(parent: AbortSignal): { controller: AbortController; detach: () => void } {
  const controller = new AbortController();
  const forward = () => controller.abort(parent.reason);
  parent.addEventListener("abort", forward, { once: true });
  if (parent.aborted) forward();
  return { controller, detach: () => parent.removeEventListener("abort", forward) };
}
