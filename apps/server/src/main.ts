// Runs the server as a process, from its start to the signal that ends it.

import { errorFields, type Logger } from "@attune/platform/logger";
import { type App, type AppOptions, createApp } from "./app.js";
import type { ServerEnv } from "./env.js";

interface RunServerOptions extends Pick<AppOptions, "contracts" | "publishedContract"> {
  readonly env: ServerEnv;
  readonly logger: Logger;
  readonly onReady: (app: App) => void;
}

/** Resolves once the server has stopped on request. Rejects when the server cannot start, or ends by a defect. */
export async function runServer({ onReady, ...options }: RunServerOptions): Promise<void> {
  const { logger } = options;
  const stopping = new AbortController();
  let defect: unknown;
  const release = onStopRequest({
    stop: (why) => {
      if (stopping.signal.aborted) return;
      logger.info("server.stopping", { why });
      stopping.abort();
    },
    crash: (error) => {
      logger.error("server.crashed", errorFields(error));
      defect ??= error;
      // The server's state is unknown after a defect, but its children still end before it does.
      stopping.abort();
    },
  });
  try {
    const app = await createApp({ ...options, signal: stopping.signal });
    onReady(app);
    await whenAborted(stopping.signal);
    await app.stop();
  } catch (error) {
    // A stop was requested during the start. createApp has stopped the parts that it had started.
    if (!stopping.signal.aborted) throw error;
  } finally {
    release();
  }
  if (defect !== undefined) throw defect;
  logger.info("server.stopped");
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

interface StopRequests {
  readonly stop: (why: string) => void;
  readonly crash: (error: unknown) => void;
}

/** Listens for signals, uncaught errors and, in a process with a channel to its parent, the end of that channel. */
function onStopRequest({ stop, crash }: StopRequests): () => void {
  const onSignal = (signal: NodeJS.Signals) => stop(signal);
  const onDisconnect = () => stop("the process that started this one is gone");
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", onSignal);
  process.on("uncaughtException", crash);
  if (process.connected) process.on("disconnect", onDisconnect);
  // The parent ended before this process could listen.
  else if (process.send !== undefined) onDisconnect();
  return () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.off("SIGHUP", onSignal);
    process.off("uncaughtException", crash);
    process.off("disconnect", onDisconnect);
  };
}
