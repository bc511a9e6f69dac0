// A bound on waiting: nothing that the network promises may hold the agent for longer than it was given.

import { AppError } from "@attune/shared/errors";
import type { Clock } from "./ports.js";

export interface Bound {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal: AbortSignal;
}

/** `work`'s result, or TIMED_OUT after `ms` or when `signal` aborts, whatever `work` does then. */
export async function within<T>(work: Promise<T>, { clock, ms, signal }: Bound): Promise<T> {
  const timer = new AbortController();
  const stop = () => timer.abort();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) timer.abort();
  const late = clock.sleep(ms, timer.signal).then((): never => {
    throw new AppError("TIMED_OUT", signal.aborted ? "the wait was stopped" : `nothing came within ${ms} ms`);
  });
  // Whichever loses the race settles later, unheard.
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener("abort", stop);
    timer.abort();
  }
}

/** A controller that aborts with `parent`, and the way to let go of it. */
export function childController(parent: AbortSignal): { controller: AbortController; release: () => void } {
  const controller = new AbortController();
  const forward = () => controller.abort(parent.reason);
  parent.addEventListener("abort", forward, { once: true });
  if (parent.aborted) forward();
  return { controller, release: () => parent.removeEventListener("abort", forward) };
}
