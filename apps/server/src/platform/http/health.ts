// The health of the server's parts, looked at once at a time, however many callers ask.

import { withDeadline } from "../deadline.js";

const defaultHealthTimeoutMs = 2_000;
/** The time for which one look at the parts answers every health check. */
const healthReuseMs = 1_000;

export interface HealthDeps {
  /** Throws, or returns false, where a part that the server needs is away. */
  readonly isHealthy: () => Promise<boolean>;
  /** The time that those parts have to answer; default 2 s. */
  readonly healthTimeoutMs?: number;
  readonly now: () => number;
}

/** A part that does not answer counts as away: a flush to a broker that is gone waits until the broker is back. */
export function createHealth(deps: HealthDeps): () => Promise<boolean> {
  const { isHealthy, healthTimeoutMs = defaultHealthTimeoutMs, now } = deps;
  let latest: { readonly answer: Promise<boolean>; readonly untilMs: number } | undefined;
  const look = () =>
    withDeadline(
      isHealthy().catch(() => false),
      healthTimeoutMs,
      () => false,
    );
  return () => {
    if (latest === undefined || now() >= latest.untilMs) latest = { answer: look(), untilMs: now() + healthReuseMs };
    return latest.answer;
  };
}
