// Executes the planner's decisions. Each result is on the disk before anything builds on it.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { accept, type Result } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import type { Context } from "../agent-state.js";
import type { Exclusive } from "../concurrency/exclusive.js";
import { type GatingView, maximumCrashes } from "../plan.js";
import type { Downloader } from "../update/download.js";
import { readAcceptedManifest } from "../update/load-slot.js";
import { begin, type Target } from "../update-state.js";
import { commit, reject } from "./commit.js";
import { createGating } from "./gating.js";
import { restore } from "./restore.js";
import { executorByState, type Stretch } from "./states.js";
import { tidy } from "./tidy.js";
import { createUpdateWriter, targetUnderWay } from "./update-writer.js";

export interface ExecutorParts {
  readonly context: Context;
  readonly downloader: Downloader;
  /** Keeps labels out while a release is committed. */
  readonly exclusive: Exclusive;
  /** Makes the reports that waited for a release; called after a commit. */
  readonly settle: () => Promise<void>;
}

export function createExecutors({ context, downloader, exclusive, settle }: ExecutorParts) {
  const { ports, agentState, contracts } = context;
  const writer = createUpdateWriter(context);
  const gating = createGating({
    context,
    exclusive,
    commit: (learningState, fitted) => commit({ context, writer, settle }, learningState, fitted),
    reject: () => reject({ context, writer }),
  });

  return {
    restore: () => restore({ context, writer }),
    tidy: () => tidy(context),
    finish: writer.finish,

    async begin(target: Target): Promise<void> {
      gating.forgetAll();
      await writer.save(begin(agentState.update, target, ports.clock.nowMs()));
      await tidy(context);
    },

    async run(state: ActiveUpdateState, stretch: Stretch): Promise<Result<void, UpdateReason>> {
      if (!agentState.update.executing) await writer.save({ ...agentState.update, executing: true });
      const worked = await executorByState[state]({ ports, agentState, contracts, downloader, gating }, stretch);
      if (!worked.ok) return worked;
      if (worked.value !== undefined) {
        const { to, operations, onWritten } = worked.value;
        await writer.enter(to, operations);
        onWritten?.();
      }
      return accept(undefined);
    },

    /** The state of the gating under way, for the planner. */
    async gating(): Promise<{ gating?: GatingView }> {
      if (agentState.update.state !== "gating" || agentState.update.crashes >= maximumCrashes) return {};
      const release = await readAcceptedManifest(ports, targetUnderWay(agentState));
      if (release.ok) return { gating: await gating.admit(release.value) };
      await writer.finish({ state: "failed", reason: release.reason });
      await tidy(context);
      return {};
    },
    conclude: gating.conclude,
    isHeld: gating.isHeld,

    /** An orderly stop, which the next start must not count as a crash. */
    pause: () => writer.save({ ...agentState.update, executing: false }),
  };
}

export type Executors = ReturnType<typeof createExecutors>;
