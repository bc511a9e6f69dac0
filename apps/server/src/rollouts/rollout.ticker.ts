// Advances the rollouts that are under way, at intervals. Server processes on one database take turns under a lease.

import { errorFields, type Logger } from "@attune/platform/logger";
import { type Author, serverActor } from "../callers/roles.js";
import { isUnderway, plan } from "./rollout.plan.js";
import type { RolloutStepsRepository } from "./rollout-steps.repository.js";

interface TickerParts {
  readonly repository: RolloutStepsRepository;
  /** Names this process, and no other. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly now: () => number;
  readonly logger: Logger;
}

export interface RolloutTicker {
  /** One turn; false where another process holds the lease. Throws where a write was refused. */
  turn(): Promise<boolean>;
  /** Takes turns until the end of the returned function, which waits for a turn in hand. */
  start(intervalMs: number): () => Promise<void>;
  /** The turns of this process since its start, their time, and whether its latest turn held the lease. */
  counters(): { readonly turns: number; readonly seconds: number; readonly leaseHeld: boolean };
}

export function createRolloutTicker({ repository, holder, leaseMs, now, logger }: TickerParts): RolloutTicker {
  const by: Author = { actor: serverActor, reason: null };

  let counters = { turns: 0, seconds: 0, leaseHeld: false };

  async function turn(): Promise<boolean> {
    const beganMs = performance.now();
    const fence = await repository.acquireLease(holder, leaseMs);
    counters = { ...counters, leaseHeld: fence !== undefined };
    if (fence === undefined) return false;
    for (const rollout of await repository.underway()) {
      const steps = await repository.advance(rollout, { by, nowMs: now(), decide: plan, fence });
      for (const step of steps) {
        if (step.kind === "group")
          logger.info("rollout.group", { rollout, group: step.index, state: step.group.state });
        if (step.kind !== "rollout") continue;
        logger[isUnderway(step.status) ? "warn" : "info"]("rollout.status", { rollout, status: step.status });
      }
    }
    const seconds = counters.seconds + (performance.now() - beganMs) / 1_000;
    counters = { turns: counters.turns + 1, seconds, leaseHeld: true };
    return true;
  }

  function start(intervalMs: number): () => Promise<void> {
    let isEnded = false;
    let timer: NodeJS.Timeout | undefined;
    let current: Promise<void> = Promise.resolve();
    const next = () => {
      current = turn()
        .then(() => undefined)
        .catch((error: unknown) => {
          counters = { ...counters, leaseHeld: false };
          logger.warn("rollout.turn.failed", errorFields(error));
        })
        .finally(() => {
          if (!isEnded) timer = setTimeout(next, intervalMs);
        });
    };
    next();
    return async () => {
      isEnded = true;
      clearTimeout(timer);
      await current;
      await repository.releaseLease(holder).catch(() => undefined);
    };
  }

  return { turn, start, counters: () => counters };
}
