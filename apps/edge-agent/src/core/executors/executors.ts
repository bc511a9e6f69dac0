// Executes the planner's decisions. Each result is on the disk before anything builds on it.

import type { UpdateReason } from "@attune/shared/contracts/current-state";
import { accept, type Result } from "@attune/shared/result";
import type { ActiveUpdateState } from "../agent-api.js";
import type { Context } from "../agent-state.js";
import type { Serial } from "../concurrency/serial.js";
import { type GatingView, maximumCrashes } from "../plan.js";
import type { Downloader } from "../update/download.js";
import { readAcceptedManifest } from "../update/load-slot.js";
import { begin, type Target } from "../update-state.js";
import { commit, reject } from "./commit.js";
import { createGating } from "./gating.js";
import { createProgress, underWay } from "./progress.js";
import { restore } from "./restore.js";
import { executorByState, type Stretch } from "./states.js";
import { tidy } from "./tidy.js";

export interface ExecutorParts {
  readonly context: Context;
  readonly downloader: Downloader;
  /** The lessons' serial: a commit must not interleave with a label. */
  readonly serial: Serial;
  /** Makes the reports that waited for a release; called after a commit. */
  readonly settle: () => Promise<void>;
}

export function createExecutors({ context, downloader, serial, settle }: ExecutorParts) {
  const { ports, memory, contracts } = context;
  const progress = createProgress(context);
  const gating = createGating({
    context,
    serial,
    commit: (learningState, fitted) => commit({ context, progress, settle }, learningState, fitted),
    reject: () => reject({ context, progress }),
  });

  return {
    restore: () => restore({ context, progress }),
    tidy: () => tidy(context),
    finish: progress.finish,

    async begin(target: Target): Promise<void> {
      gating.forgetAll();
      await progress.save(begin(memory.record, target, ports.clock.nowMs()));
      await tidy(context);
    },

    async run(state: ActiveUpdateState, stretch: Stretch): Promise<Result<void, UpdateReason>> {
      if (!memory.record.executing) await progress.save({ ...memory.record, executing: true });
      const worked = await executorByState[state]({ ports, memory, contracts, downloader, gating }, stretch);
      if (!worked.ok) return worked;
      if (worked.value !== undefined) {
        const { to, operations, done } = worked.value;
        await progress.enter(to, operations);
        done?.();
      }
      return accept(undefined);
    },

    /** The state of the gating under way, for the planner. */
    async gating(): Promise<{ gating?: GatingView }> {
      if (memory.record.state !== "gating" || memory.record.crashes >= maximumCrashes) return {};
      const release = await readAcceptedManifest(ports, underWay(memory));
      if (release.ok) return { gating: await gating.admit(release.value) };
      await progress.finish({ state: "failed", reason: release.reason });
      await tidy(context);
      return {};
    },
    conclude: gating.conclude,
    isHeld: gating.isHeld,

    /** An orderly stop, which the next start must not count as a crash. */
    pause: () => progress.save({ ...memory.record, executing: false }),
  };
}

export type Executors = ReturnType<typeof createExecutors>;
