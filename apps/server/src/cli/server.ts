// `attune server`: runs the server until it is asked to stop.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError } from "@attune/shared/errors";
import { readEnv } from "../env.js";
import { runServer } from "../main.js";
import { createLogger } from "../platform/logger.js";
import type { Command } from "./command.js";

const usage = `Usage: attune server [--home DIR]

Runs PostgreSQL, nats-server and the server until SIGTERM or Ctrl-C. Prints its addresses once it is ready;
its log goes to standard error, one JSON object a line.

  --home DIR   instead of ATTUNE_HOME
  --json       print {"httpUrl","natsUrl","pid"} once ready

Environment:
  ATTUNE_HOME              where everything is kept (default: .attune)
  ATTUNE_HOST              the address to listen on (default: 127.0.0.1)
  ATTUNE_HTTP_PORT         default 7310; 0 chooses a free port once and remembers it
  ATTUNE_NATS_PORT         default 7322; the same
  ATTUNE_POSTGRES_PORT     default 7332; the same
  ATTUNE_POLL_INTERVAL_MS  how often devices ask for their release (default: 30000)
  ATTUNE_LOG_LEVEL         debug, info, warn, error or silent (default: info)
  DATABASE_URL             an existing PostgreSQL instead of the embedded one
  NATS_URL                 an existing nats-server that trusts this server's operator key
  ATTUNE_PUBLIC_NATS_URL   the address of NATS that devices are told, where it differs
  NATS_SERVER_BIN          the nats-server program, where it is not on PATH

Examples:
  attune server
  ATTUNE_HOME=/var/lib/attune-fleet ATTUNE_HTTP_PORT=0 attune server --json`;

export const serverCommand: Command = {
  name: "server",
  summary: "run the server: database, bus, registry, rollouts, ingestion",
  usage,

  async run(argv, io) {
    const home = parseHome(argv);
    const environment = readEnv();
    const env = home === undefined ? environment : { ...environment, home: resolve(home) };
    const logger = createLogger({ level: env.logLevel, write: io.stderr });
    await runServer({
      env,
      logger,
      onReady: ({ httpUrl, natsUrl }) => {
        if (io.json) io.stdout(JSON.stringify({ httpUrl, natsUrl, pid: process.pid }));
        else io.stdout(`ready: ${httpUrl} (NATS: ${natsUrl}), kept in ${env.home}`);
      },
    });
    return 0;
  },
};

function parseHome(argv: string[]): string | undefined {
  try {
    return parseArgs({ args: argv, options: { home: { type: "string" } } }).values.home;
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${(cause as Error).message}; see attune server --help`, { cause });
  }
}
