// attune-agent run: the daemon.

import type { Body } from "@attune/platform/cli/declaration";
import { demoContracts } from "@attune/shared/contracts/egress";
import { AppError } from "@attune/shared/errors";
import type { Log } from "../../core/ports.js";
import { faultFields } from "../fault.js";
import { readServer, writeServer } from "../home.js";
import { createLogger } from "../logger.js";
import type { AgentContext } from "./context.js";
import type { run as declaration } from "./declarations.js";
import { requireServer } from "./server-address.js";

export const run: Body<typeof declaration, AgentContext> = async ({ values }, context) => {
  const { env, paths, print } = context;
  const saved = await readServer(paths);
  const given = values.server ?? env.server;
  if (given === undefined && saved === undefined) {
    throw new AppError("NOT_ENROLLED", `no device is enrolled in ${paths.home}`);
  }
  const server = requireServer(given ?? saved);
  const log = createLogger(env.logLevel);
  const stop = stopSignal(log);
  // Loaded before the daemon's parts, so that they, too, leave little behind.
  const { keepMemorySmall } = await import("../memory-keeper.js");
  const letMemoryGrow = keepMemorySmall();
  try {
    const { runDaemon } = await import("../daemon.js");
    await runDaemon({
      paths,
      env,
      server,
      log,
      contracts: values.demo ? demoContracts : undefined,
      token: values.token,
      signal: stop.signal,
      onEnrolled: () => (saved === undefined ? writeServer(paths, server) : Promise.resolve()),
      onReady: (ready) => print({ home: paths.home, ...ready }, readyLine(context, ready)),
    });
  } finally {
    letMemoryGrow();
    stop.release();
  }
};

function readyLine({ paths }: AgentContext, { url, pid }: { url: string; pid: number }): string {
  return `agent in ${paths.home} is running (process ${pid}, local API ${url})`;
}

/**
 * Aborts on SIGTERM and SIGINT, and when a parent that started this process with a channel is gone. An uncaught defect
 * ends the process at once. The log then holds its kind and place, and nothing of the data.
 */
function stopSignal(log: Log): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const crash = (error: unknown): void => {
    log("error", "daemon.crashed", faultFields(error));
    process.exit(1);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop).on("uncaughtException", crash);
  if (process.connected) process.once("disconnect", stop);
  // The parent ended before this process could listen.
  else if (process.send !== undefined) stop();
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGTERM", stop).off("SIGINT", stop).off("disconnect", stop).off("uncaughtException", crash);
      // The channel alone would keep the process alive.
      if (process.connected) process.disconnect();
    },
  };
}
