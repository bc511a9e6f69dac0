// Executes the planner's decisions. Each result is on the disk before anything builds on it.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { accept, type Result } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import type { Context } from "../agent-state.js";
import { type GatingView, maxCrashes } from "../plan.js";
import type { Downloader } from "../update/download.js";
import { readAcceptedManifest } from "../update/load-slot.js";
import { begin, type Target } from "../update-state.js";
import { createGating, type Gating } from "./gating.js";
import { restore } from "./restore.js";
import { executorByState, type RunLimits } from "./states.js";
import { tidy } from "./tidy.js";
import { createUpdateWriter, targetUnderWay, type UpdateWriter } from "./update-writer.js";

interface ExecutorParts {
  readonly context: Context;
  readonly downloader: Downloader;
  /** Called once a release is active, when the device may speak another contract. */
  readonly onCommit: () => void;
}

export interface Executors {
  /** Restores the model at the process's start, before anything else runs. */
  restore(): Promise<void>;
  /** Removes slots that nothing needs any more. */
  tidy(): Promise<void>;
  finish: UpdateWriter["finish"];
  begin(target: Target): Promise<void>;
  /** Does the work of a state. A refusal names the reason for which the update ends. */
  run(state: ActiveUpdateState, limits: RunLimits): Promise<Result<void, UpdateReason>>;
  /** The state of the gating under way, for the planner. */
  gating(): Promise<{ gating?: GatingView }>;
  conclude: Gating["conclude"];
  isHeld: Gating["isHeld"];
  letWaitingIn: Gating["letWaitingIn"];
  /** An orderly stop, which the next start must not count as a crash. */
  pause(): Promise<void>;
}

export function createExecutors({ context, downloader, onCommit }: ExecutorParts): Executors {
  const { ports, agentState, contracts } = context;
  const writer = createUpdateWriter(context);
  const gating = createGating({ context, writer, onCommit });

  return {
    restore: () => restore({ context, writer }),
    tidy: () => tidy(context),
    finish: writer.finish,

    async begin(target) {
      gating.reset();
      agentState.believedRelease = undefined;
      await writer.save(begin(agentState.update, target, ports.clock.nowMs()));
      await tidy(context);
    },

    async run(state, limits) {
      if (!agentState.update.executing) await writer.save({ ...agentState.update, executing: true });
      const worked = await executorByState[state]({ ports, agentState, contracts, downloader, gating }, limits);
      if (!worked.ok) return worked;
      if (worked.value !== undefined) {
        const { to, operations, onWritten } = worked.value;
        await writer.enter(to, operations);
        onWritten?.();
        // The files are whole, so earlier downloads are needed no more.
        if (state === "downloading") await tidy(context);
      }
      return accept(undefined);
    },

    async gating() {
      if (agentState.update.state !== "gating" || agentState.update.crashes >= maxCrashes) return {};
      const release = await readAcceptedManifest(ports, targetUnderWay(agentState));
      if (release.ok) return { gating: await gating.admit(release.value) };
      await writer.finish({ state: "failed", reason: release.reason });
      await tidy(context);
      return {};
    },
    conclude: gating.conclude,
    isHeld: gating.isHeld,
    letWaitingIn: gating.letWaitingIn,

    pause: () => writer.save({ ...agentState.update, executing: false }),
  };
}
