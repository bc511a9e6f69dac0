// `attune rollout watch`: follows a rollout until it ends, pauses or takes too long, through restarts of the server.

import { setTimeout as sleep } from "node:timers/promises";
import type { Body } from "@attune/platform/cli/declaration";
import { exitCodes } from "@attune/platform/cli/exit-codes";
import type { CommandIo } from "@attune/platform/cli/program";
import { AppError } from "@attune/shared/errors";
import { askServer, type FleetClient } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { rolloutWatch } from "./declarations/rollout.js";
import { whichRollout } from "./rollout.js";

type Status = Awaited<ReturnType<FleetClient["rollout"]["status"]["query"]>>;

/** The exit codes of a rollout's ends, of a pause, and of a watch that took too long. */
const codes: Readonly<Record<string, number>> = {
  completed: exitCodes.done,
  stopped: exitCodes.failed,
  aborted: exitCodes.failed,
  superseded: exitCodes.failed,
  paused: exitCodes.paused,
};

const lookPauseMs = 1_000;

export const watchRollout: Body<typeof rolloutWatch, CommandIo> = async ({ values }, io) => {
  let which = whichRollout(values);
  const endsMs = performance.now() + values.timeout;
  let shown = "";
  for (;;) {
    const status = await look();
    if (status !== undefined) {
      // A later rollout of the fleet is not the one that this watch follows.
      which = { rollout: status.rollout };
      const line = inWords(status);
      if (line !== shown && !io.json) io.stdout(line);
      shown = line;
      const isOver = status.status !== "active" && (status.status !== "paused" || values.until === "paused");
      if (isOver) return end(status.status, status);
    }
    if (performance.now() >= endsMs) return end("timedOut", status);
    await sleep(Math.max(1, Math.min(lookPauseMs, endsMs - performance.now())));
  }

  async function look(): Promise<Status | undefined> {
    try {
      return await askServer(await accessOf(values), (client) => client.rollout.status.query(which));
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      io.stderr(`${error.message}; the watch looks again\n`);
      return undefined;
    }
  }

  function end(outcome: string, status: Status | undefined): number {
    if (io.json) io.stdout(JSON.stringify({ outcome, rollout: status ?? null }));
    else if (outcome === "timedOut") io.stdout("the watch has timed out; the rollout continues");
    return codes[outcome] ?? exitCodes.timedOut;
  }
};

function inWords({ rollout, status, groups, counts }: Status): string {
  const states = groups.map(({ group, state, devices, counts: { succeeded = 0, failed = 0, timedOut = 0 } }) => {
    return `group ${group + 1} ${state} (${succeeded} + ${failed + timedOut} failed of ${devices})`;
  });
  return `rollout ${rollout} is ${status}: ${counts.committed} of ${counts.devices} devices run it; ${states.join(", ")}`;
}
