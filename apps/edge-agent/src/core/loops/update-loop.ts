// The loop that updates: it plans one step from the record and the target, executes it, and waits when there is none.

import { codeOf } from "@attune/shared/errors";
import type { ActiveUpdateState } from "../agent-api.js";
import type { AgentState } from "../agent-state.js";
import { createBackoff } from "../concurrency/backoff.js";
import { childController } from "../concurrency/timeout.js";
import { waitAtMost } from "../concurrency/wakeup.js";
import type { RunLimits } from "../executors/states.js";
import { isSuperseded, plan, type Step } from "../plan.js";
import { isExpired } from "../trust/target.js";
import { isActiveState, type Target } from "../update-state.js";
import type { LoopParts } from "./loop-parts.js";

export async function updateLoop(parts: LoopParts, signal: AbortSignal): Promise<void> {
  const { context, executors, deadlinesMs } = parts;
  const { ports, agentState } = context;
  const { clock, hashing, log } = ports;
  const backoff = createBackoff({ clock, hashing, range: parts.backoff });
  while (!signal.aborted) {
    try {
      const gating = await executors.gating();
      const nowMs = clock.nowMs();
      const target = freshTarget(agentState, nowMs);
      await execute(
        parts,
        plan({ nowMs, record: agentState.update, target, deadlinesMs: deadlinesMs(), ...gating }),
        signal,
      );
      backoff.reset();
    } catch (error) {
      log("error", "update.step.failed", { state: agentState.update.state, code: codeOf(error) });
      await backoff.pause(signal);
    }
  }
  if (!isActiveState(agentState.update.state)) return;
  await executors.pause().catch((error: unknown) => log("error", "update.pause.failed", { code: codeOf(error) }));
}

async function execute(parts: LoopParts, step: Step, signal: AbortSignal): Promise<void> {
  const { executors } = parts;
  switch (step.kind) {
    case "begin":
      return executors.begin(step.target);
    case "end":
      await executors.finish(step);
      return executors.tidy();
    case "run":
      return run(parts, step.state, { signal, remainingMs: step.remainingMs });
    case "conclude":
      return executors.conclude();
    case "wait":
      return waitAtMost(
        { wakeup: parts.updateWakeup, clock: parts.context.ports.clock },
        step.wakeInMs ?? undefined,
        signal,
      );
  }
}

/**
 * Does the state's work under its deadline. A stop from outside leaves the record as it is, and the next start resumes.
 */
async function run(parts: LoopParts, state: ActiveUpdateState, { signal, remainingMs }: RunLimits): Promise<void> {
  const { context, executors } = parts;
  const { ports, agentState } = context;
  const { clock, log } = ports;
  const { controller, detach } = childController(signal);
  let expired = false;
  const isDropped = () =>
    state === "downloading" && isSuperseded(agentState.update, freshTarget(agentState, clock.nowMs()));
  const watching = state === "downloading" ? abortWhen(isDropped, parts.updateWakeup, controller) : undefined;
  void clock.sleep(remainingMs, controller.signal).then(() => {
    expired = !controller.signal.aborted;
    controller.abort();
  });
  try {
    const result = await executors.run(state, { signal: controller.signal, remainingMs });
    if (result.ok || signal.aborted || isDropped()) return;
    if (expired) return await executors.finish({ state: "timedOut", reason: "deadline" });
    log("warn", "update.refused", { state, reason: result.reason, detail: result.detail });
    await executors.finish({ state: "failed", reason: result.reason });
    await executors.tidy();
  } catch (error) {
    // Gating is retried until it ends, because it has no outcome for errors.
    if (codeOf(error) !== "DISK_FULL" || state === "gating") throw error;
    await executors.finish({ state: "failed", reason: "diskFull" });
    await executors.tidy();
  } finally {
    detach();
    controller.abort();
    // A wake-up has one waiter at a time.
    await watching;
  }
}

async function abortWhen(
  condition: () => boolean,
  wakeup: LoopParts["updateWakeup"],
  controller: AbortController,
): Promise<void> {
  while (!controller.signal.aborted) {
    if (condition()) return controller.abort();
    await wakeup.wait(controller.signal);
  }
}

/** The target that the server asked for last, or null where it is too old to begin with. */
function freshTarget({ target, lastAnswer }: AgentState, nowMs: number): Target | null {
  return lastAnswer === undefined || isExpired(lastAnswer.expiresAt, nowMs) ? null : target;
}
