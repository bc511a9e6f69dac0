// The demo's server as a supervised process that leaves no process behind, even after a kill during a busy start.

import { join } from "node:path";
import { createLogger } from "@attune/platform/logger";
import { placesOf } from "@attune/server/platform/home";
import { stopNatsOrphan } from "@attune/server/platform/nats/nats-server";
import { stopPostgresOrphan } from "@attune/server/platform/postgres/postgres";
import { root } from "./processes.js";
import { type Supervised, supervise } from "./supervise.js";

interface ServerProcessOptions {
  /** The ATTUNE_HOME folder. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onRestart: (name: string) => void;
  /**
   * How long the process may take to stop before it is killed. The default is longer than its parts wait
   * for their own children.
   */
  readonly stopGraceMs?: number;
}

export function superviseServer({ home, env, onRestart, stopGraceMs = 60_000 }: ServerProcessOptions): Supervised {
  const server = supervise({
    name: "server",
    argv: [join(root, "apps/server/bin/attune.js"), "server", "--demo"],
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
