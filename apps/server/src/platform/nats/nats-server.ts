// nats-server: its configuration file, and its supervision as a child process.

import { join } from "node:path";
import { makeDirectory, readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { stopOrphan } from "@attune/platform/process-identity";
import { type SupervisedProcess, startSupervised } from "../process-supervision.js";
import type { NatsCredentials } from "./nats-credentials.js";

interface NatsConfiguration {
  readonly listenHost: string;
  readonly port: number;
  /** A port on this machine alone, at which the HTTP server's proxy speaks WebSocket. */
  readonly websocketPort?: number | undefined;
  /** The directory of the configuration, the store, the resolver's accounts, the pid file and the log. */
  readonly directory: string;
  readonly credentials: NatsCredentials;
}

/** Writes the configuration and the accounts as they are now, and returns the configuration file's path. */
export async function writeNatsConfiguration(configuration: NatsConfiguration): Promise<string> {
  const { listenHost, port, websocketPort, directory, credentials } = configuration;
  const accounts = join(directory, "accounts");
  await makeDirectory(directory, 0o700);
  await makeDirectory(accounts, 0o700);
  // Revocations whose push did not arrive count from this start on.
  for (const { publicKey, jwt } of [credentials.systemAccount, credentials.storeAccount, credentials.account()]) {
    await writeFileDurably(join(accounts, `${publicKey}.jwt`), jwt, { mode: 0o600 });
  }
  const path = join(directory, "nats-server.conf");
  const text = `# Written by the server; a change by hand is lost. Another file may include this one and say more.
listen: ${quote(`${listenHost.includes(":") ? `[${listenHost}]` : listenHost}:${port}`)}
server_name: ${quote(`attune-${credentials.account().publicKey.slice(0, 12).toLowerCase()}`)}
pid_file: ${quote(join(directory, "nats-server.pid"))}
operator: ${quote(credentials.operatorJwt)}
system_account: ${credentials.systemAccount.publicKey}
resolver: {
  type: full
  dir: ${quote(accounts)}
  allow_delete: false
  interval: "2m"
}
jetstream: {
  store_dir: ${quote(join(directory, "jetstream"))}
  # The stream has a limit of its own. One here that shrinks with the disk would keep nats-server from reading its store again.
  max_file_store: 1TB
}
${websocketPort === undefined ? "" : `websocket: { listen: "127.0.0.1:${websocketPort}", no_tls: true }\n`}`;
  await writeFileDurably(path, text, { mode: 0o600 });
  return path;
}

/** Quotes a string in nats-server's configuration language, which includes JSON's quoting and escapes. */
function quote(text: string): string {
  return JSON.stringify(text);
}

interface NatsServerOptions extends NatsConfiguration {
  readonly binary: string;
  readonly isReady: () => Promise<boolean>;
  /** False once JetStream stores nothing any more, a lasting state after a full disk. */
  readonly isAlive: () => Promise<boolean>;
  readonly logger: Logger;
}

export async function startNatsServer(options: NatsServerOptions): Promise<SupervisedProcess> {
  const { directory, binary, logger } = options;
  const path = join(directory, "nats-server.conf");
  return startSupervised({
    name: "nats-server",
    code: "NATS_UNAVAILABLE",
    command: binary,
    args: ["-c", path],
    cwd: "/",
    env: {},
    logFile: join(directory, "nats-server.log"),
    prepare: async () => {
      await stopNatsOrphan(directory, logger);
      await writeNatsConfiguration(options);
    },
    isReady: options.isReady,
    // nats-server reads its whole store before it answers.
    readyTimeoutMs: 60_000,
    probe: { isAlive: options.isAlive, intervalMs: 5_000, failures: 3 },
    stopSignal: "SIGTERM",
    stopTimeoutMs: 15_000,
    logger,
  });
}

/** Stops the nats-server of this directory that a killed server left running. */
export async function stopNatsOrphan(directory: string, logger: Logger): Promise<void> {
  const pid = Number((await readTextFile(join(directory, "nats-server.pid")))?.trim());
  await stopOrphan({
    name: "nats-server",
    pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined,
    argument: join(directory, "nats-server.conf"),
    signal: "SIGTERM",
    timeoutMs: 15_000,
    logger,
  });
}
