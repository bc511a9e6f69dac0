// The server as a process: from its start to the signal that ends it.

import { type App, createApp } from "./app.js";
import type { ServerEnv } from "./env.js";
import type { Logger } from "./platform/logger.js";

export interface RunServerOptions {
  readonly env: ServerEnv;
  readonly logger: Logger;
  readonly onReady: (app: App) => void;
}

/** Resolves once the server was asked to stop and has stopped; rejects when it could not start. */
export async function runServer({ env, logger, onReady }: RunServerOptions): Promise<void> {
  const stopping = new AbortController();
  const release = onStopRequest((why) => {
    if (stopping.signal.aborted) return;
    logger.info("server.stopping", { why });
    stopping.abort();
  });
  try {
    const app = await createApp({ env, logger, signal: stopping.signal });
    onReady(app);
    await whenAborted(stopping.signal);
    await app.stop();
    logger.info("server.stopped");
  } catch (error) {
    // Asked to stop while it was starting: createApp has stopped what it had started.
    if (!stopping.signal.aborted) throw error;
    logger.info("server.stopped");
  } finally {
    release();
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Signals; and for a process that was started with a channel to its parent, the end of that channel. */
function onStopRequest(stop: (why: string) => void): () => void {
  const onSignal = (signal: NodeJS.Signals) => stop(signal);
  const onDisconnect = () => stop("the process that started this one is gone");
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", onSignal);
  if (process.connected) process.on("disconnect", onDisconnect);
  return () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.off("SIGHUP", onSignal);
    process.off("disconnect", onDisconnect);
  };
}
