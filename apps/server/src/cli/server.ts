// `attune server`: runs the server until it is asked to stop.

import { resolve } from "node:path";
import { createLogger } from "@attune/platform/logger";
import { standardStream } from "@attune/platform/standard-stream";
import { AppError } from "@attune/shared/errors";
import { createLogLines } from "@attune/shared/output";
import { readEnv } from "../env.js";
import { runServer } from "../main.js";
import { makePlaces, placesOf } from "../platform/home.js";
import { prepareExternalNats } from "../platform/nats/nats.js";
import type { Command } from "./command.js";
import { readFlags } from "./flags.js";

const usage = `Usage: attune server [--home DIR]
       attune server --write-nats-config DIR [--nats-listen HOST:PORT]

Runs PostgreSQL, nats-server and the server until SIGTERM or Ctrl-C. Prints its addresses once it is ready;
its log goes to standard error, one JSON object a line.

With --write-nats-config it starts nothing: it makes its NATS keys and writes to DIR what a nats-server of your own needs
(nats-server -c DIR/nats-server.conf); then run the server with NATS_URL.

  --home DIR               instead of ATTUNE_HOME
  --write-nats-config DIR  prepare DIR for a nats-server of your own
  --nats-listen HOST:PORT  where that one listens (default: 0.0.0.0:4222)
  --json                   print {"httpUrl","natsUrl","pid"} once ready, or {"configuration"}

Environment:
  ATTUNE_HOME              where everything is kept (default: .attune)
  ATTUNE_HOST              the address that HTTP and NATS listen on (default: 127.0.0.1; 0.0.0.0 or :: is all)
  ATTUNE_HTTP_PORT         default 7310; 0 chooses a free port once and remembers it
  ATTUNE_NATS_PORT         default 7322; the same
  ATTUNE_POSTGRES_PORT     default 7332; the same
  ATTUNE_POLL_INTERVAL_MS  how often devices ask for their release (default: 30000)
  ATTUNE_LOG_LEVEL         debug, info, warn, error or silent (default: info)
  DATABASE_URL             an existing PostgreSQL instead of the embedded one; schema= in it names where the tables are
  NATS_URL                 an existing nats-server that trusts this server's operator key; tls://HOST:PORT demands TLS of it
  ATTUNE_PUBLIC_NATS_URL   the address of NATS that devices are told (default: NATS_URL, else the address that NATS listens on;
                           where that is all addresses, the host by which a device reached this server)
  ATTUNE_TRUSTED_PROXIES   addresses or networks of proxies in front of it, with commas between: their X-Forwarded-For is believed
  NATS_SERVER_BIN          the nats-server program, where it is not on PATH
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY
                           for what it downloads (nats-server, where there is none); devices, PostgreSQL and NATS are reached directly

Examples:
  attune server
  ATTUNE_HOME=/var/lib/attune-fleet ATTUNE_HTTP_PORT=0 attune server --json`;

const options = {
  home: { type: "string" },
  "write-nats-config": { type: "string" },
  "nats-listen": { type: "string" },
} as const;

export const serverCommand: Command = {
  name: "server",
  usage,
  options,

  async run(argv, io) {
    const flags = parseFlags(argv);
    const environment = readEnv();
    const env = flags.home === undefined ? environment : { ...environment, home: resolve(flags.home) };
    const logger = createLogger({ level: env.logLevel, write: createLogLines(standardStream(process.stderr)) });
    if (flags["write-nats-config"] !== undefined) {
      const address = parseListenAddress(flags["nats-listen"]);
      const places = placesOf(env.home);
      await makePlaces(places);
      const directory = resolve(flags["write-nats-config"]);
      const configuration = await prepareExternalNats({ places, directory, ...address, now: Date.now, logger });
      io.stdout(io.json ? JSON.stringify({ configuration }) : configuration);
      return 0;
    }
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

function parseFlags(args: string[]) {
  return readFlags("server", { args, options }).values;
}

function parseListenAddress(listen = "0.0.0.0:4222"): { listenHost: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(listen);
  const [, host = "", port = ""] = match ?? [];
  if (match === null || Number(port) < 1 || Number(port) > 65_535) {
    throw new AppError("INVALID_INPUT", `--nats-listen ${listen}: is not HOST:PORT`);
  }
  return { listenHost: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
