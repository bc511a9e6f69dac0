// attune-agent run: the daemon.

import { AppError } from "@attune/shared/errors";
import type { Log } from "../../core/ports.js";
import { faultFields } from "../fault.js";
import { readServer, writeServer } from "../home.js";
import { createLogger } from "../logger.js";
import type { Command, CommandInput } from "./command.js";
import { requireServer } from "./server-address.js";

export const runCommand: Command = {
  name: "run",
  summary: "run the agent until it is told to stop",
  usage: "run [--server URL] [--token TOKEN]",
  details: [
    "Polls for releases, predicts, learns, and reports numbers. The local API listens on 127.0.0.1; its address is written",
    "to local-api.json and its token to local-token, both in the device's directory. SIGTERM or Ctrl-C stop it cleanly.",
    "With --token a device that is not enrolled yet enrols first. Logs are JSON lines on stderr (ATTUNE_LOG_LEVEL).",
    "Proxy variables (HTTPS_PROXY) are not used: the server and NATS are reached directly.",
    "ATTUNE_AGENT_PORT is the local API's port (default: a free one), ATTUNE_NATS_URL a relay of NATS at the device's site, instead of",
    "what the server names, and ATTUNE_OUTBOX_LIMIT how many reports may wait for the broker (default 10000).",
    "ATTUNE_THREADS is how many threads the kernels may use (default 1); attune-agent status names the engine.",
  ].join("\n"),
  optionHelp: [
    ["--server URL", "the fleet's server (default: ATTUNE_SERVER, or the one of the enrolment)"],
    ["--token TOKEN", "a one-time token, used only when the device is not enrolled"],
  ],
  examples: ["attune-agent run", "attune-agent run --home ./kitchen --server http://127.0.0.1:7310 --token attune1.…"],
  options: { server: { type: "string" }, token: { type: "string" } },
  maximumPositionals: 0,
  run: async (input) => {
    const { env, paths, text, print } = input;
    const saved = await readServer(paths);
    const given = text("server") ?? env.server;
    if (given === undefined && saved === undefined) {
      throw new AppError("NOT_ENROLLED", `no device is enrolled in ${paths.home}`);
    }
    const server = requireServer(given ?? saved);
    const log = createLogger(env.logLevel);
    const stop = stopSignal(log);
    // Before the daemon's parts are loaded, so that they, too, leave little behind.
    const { keepMemorySmall } = await import("../memory-keeper.js");
    const letMemoryGrow = keepMemorySmall();
    try {
      const { runDaemon } = await import("../daemon.js");
      await runDaemon({
        paths,
        env,
        server,
        log,
        token: text("token"),
        signal: stop.signal,
        onEnrolled: () => (saved === undefined ? writeServer(paths, server) : Promise.resolve()),
        onReady: (ready) => print({ home: paths.home, ...ready }, readyLine(input, ready)),
      });
    } finally {
      letMemoryGrow();
      stop.release();
    }
  },
};

function readyLine({ paths }: CommandInput, { url, pid }: { url: string; pid: number }): string {
  return `agent in ${paths.home} is running (process ${pid}, local API ${url})`;
}

/**
 * Aborts on SIGTERM and SIGINT, and when a parent that started this process with a channel is gone. A defect that nobody
 * caught ends the process at once, with its kind and place in the log and nothing of what it failed on.
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
