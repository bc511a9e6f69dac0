// The demo's server as a supervised process that leaves nothing behind: not even when it had to be killed, busy as it may be with its start.

import { join } from "node:path";
import { createLogger } from "@attune/platform/logger";
import { placesOf } from "@attune/server/platform/home";
import { stopNatsOrphan } from "@attune/server/platform/nats/nats-server";
import { stopPostgresOrphan } from "@attune/server/platform/postgres/postgres";
import { root } from "./processes.js";
import { type Supervised, supervise } from "./supervise.js";

export interface ServerProcessOptions {
  /** ATTUNE_HOME. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onRestart: (name: string) => void;
  /** How long it may take to stop before it is killed. By default longer than its parts wait for each of their own children. */
  readonly stopGraceMs?: number;
}

export function superviseServer({ home, env, onRestart, stopGraceMs = 60_000 }: ServerProcessOptions): Supervised {
  const server = supervise({
    name: "server",
    argv: [join(root, "apps/server/bin/attune.js"), "server"],
    env: { ...env, ATTUNE_HOME: home },
    logFile: join(home, "server.log"),
    pidFile: join(home, "server.pid"),
    onRestart,
    stopGraceMs,
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      const places = placesOf(home);
      const logger = createLogger({ level: "silent", write: () => undefined });
      await Promise.all([stopNatsOrphan(places.nats, logger), stopPostgresOrphan(places.postgres, logger)]);
    },
  };
}
