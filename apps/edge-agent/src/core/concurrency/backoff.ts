// The pause before a retry doubles up to a limit, for any number of retries. Jitter keeps a fleet from coming
// back all at once.

import { type BackoffRange, backoffMs } from "@attune/shared/backoff";
import type { Clock, Hashing } from "../ports.js";

interface Backoff {
  /** Waits: between half and all of minimum · 2^(failures − 1), capped at maximum. */
  pause(signal: AbortSignal): Promise<void>;
  reset(): void;
}

interface BackoffParts {
  readonly clock: Clock;
  readonly hashing: RandomBytes;
  readonly range: BackoffRange;
}

type RandomBytes = Pick<Hashing, "randomBytes">;

/** Uniform in [0, 1). */
function randomShare(hashing: RandomBytes): number {
  const [high = 0, low = 0] = hashing.randomBytes(2);
  return (high * 256 + low) / 65_536;
}

/** `ms` plus or minus up to a tenth, so that devices which were started together drift apart. */
export function withJitter(ms: number, hashing: RandomBytes): number {
  return ms * (0.9 + randomShare(hashing) / 5);
}

export function createBackoff({ clock, hashing, range }: BackoffParts): Backoff {
  let failures = 0;
  return {
    async pause(signal) {
      failures++;
      await clock.sleep(
        backoffMs(failures, range, () => randomShare(hashing)),
        signal,
      );
    },
    reset() {
      failures = 0;
    },
  };
}
