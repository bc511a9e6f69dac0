// The parts that the agent's loops share. A loop ends only when its signal aborts; after an error it waits and retries.

import type { BackoffRange } from "@attune/shared/backoff";
import type { ActiveUpdateState } from "../agent-api.js";
import type { Context } from "../agent-state.js";
import type { Wakeup } from "../concurrency/wakeup.js";
import type { Executors } from "../executors/executors.js";

export interface LoopParts {
  readonly context: Context;
  readonly executors: Executors;
  /** The longest time in each state; a bounded contract decides how long a release is gated. */
  readonly deadlinesMs: () => Readonly<Record<ActiveUpdateState, number>>;
  readonly backoff: BackoffRange;
  readonly requestTimeoutMs: number;
  /** Notifies when the server asks for a release, or the person lets a release in. */
  readonly updateWakeup: Wakeup;
  /** Notifies when a report is queued or the broker's credentials change. */
  readonly reportWakeup: Wakeup;
  /** Notifies when a label was learned. */
  readonly refitWakeup: Wakeup;
  /** Notifies when the person agrees to a contract, or a release is committed. */
  readonly slotWakeup: Wakeup;
}
