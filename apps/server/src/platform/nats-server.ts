// nats-server as a program: where it is found, its configuration file, and its supervision as a child process.

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { promisify } from "node:util";
import { AppError } from "@attune/shared/errors";
import { makeDirectory, readTextFile, writeFileDurably } from "./durable-file.js";
import type { Logger } from "./logger.js";
import type { NatsCredentials } from "./nats-credentials.js";
import { stopOrphan } from "./process-identity.js";
import { type SupervisedProcess, startSupervised } from "./process-supervision.js";

const run = promisify(execFile);

export interface FindOptions {
  /** NATS_SERVER_BIN. */
  readonly configured: string | undefined;
  readonly path: string;
  readonly logger: Logger;
  /** Installs the package on Debian as root; absent where that must not happen. */
  readonly install?: (() => Promise<void>) | undefined;
}

/** NATS_SERVER_BIN, then PATH (and where Debian puts it, which a user's PATH often lacks), then apt. */
export async function findNatsServer({ configured, path, logger, install }: FindOptions): Promise<string> {
  if (configured !== undefined) {
    const binary = isAbsolute(configured) ? configured : resolve(configured);
    if (await isExecutable(binary)) return binary;
    throw new AppError("NATS_MISSING", `NATS_SERVER_BIN names ${binary}, which is no program that can be run`);
  }
  const found = await searchPath(path);
  if (found !== undefined) return found;
  if (install !== undefined) {
    logger.warn("nats.installing", { why: "nats-server was not found; installing Debian's package with apt-get" });
    await install();
    const installed = await searchPath(path);
    if (installed !== undefined) return installed;
  }
  throw new AppError("NATS_MISSING", "nats-server was not found (looked at NATS_SERVER_BIN and PATH)");
}

/** The installation for a Debian-like system run by root; undefined elsewhere. */
export async function debianInstallation(path: string): Promise<(() => Promise<void>) | undefined> {
  if (process.getuid?.() !== 0 || (await readTextFile("/etc/debian_version")) === undefined) return undefined;
  return async () => {
    const env = { PATH: path, DEBIAN_FRONTEND: "noninteractive" };
    try {
      await run("apt-get", ["update", "-q"], { env, timeout: 120_000 });
      await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "nats-server"], {
        env,
        timeout: 180_000,
      });
    } catch (cause) {
      throw new AppError("NATS_MISSING", "nats-server was not found, and apt-get could not install it", { cause });
    }
  };
}

async function searchPath(path: string): Promise<string | undefined> {
  for (const directory of [...path.split(delimiter), "/usr/local/bin", "/usr/local/sbin", "/usr/sbin"]) {
    const binary = join(directory, "nats-server");
    if (isAbsolute(binary) && (await isExecutable(binary))) return binary;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export interface NatsConfiguration {
  readonly listenHost: string;
  readonly port: number;
  /** The directory that holds the configuration, the store, the resolver's accounts, the pid file and the log. */
  readonly directory: string;
  readonly credentials: NatsCredentials;
}

/** Writes the configuration and the accounts as of now; answers the configuration file's path. */
export async function writeNatsConfiguration(configuration: NatsConfiguration): Promise<string> {
  const { listenHost, port, directory, credentials } = configuration;
  const accounts = join(directory, "accounts");
  await makeDirectory(directory, 0o700);
  await makeDirectory(accounts, 0o700);
  // Revocations whose push did not arrive count from this start on.
  for (const { publicKey, jwt } of [credentials.systemAccount, credentials.account()]) {
    await writeFileDurably(join(accounts, `${publicKey}.jwt`), jwt, 0o600);
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
}
`;
  await writeFileDurably(path, text, 0o600);
  return path;
}

/** A string in nats-server's configuration language: JSON's quoting and escapes are a part of it. */
function quote(text: string): string {
  return JSON.stringify(text);
}

export interface NatsServerOptions extends NatsConfiguration {
  readonly binary: string;
  readonly isReady: () => Promise<boolean>;
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
    // It reads its whole store before it answers.
    readyTimeoutMs: 60_000,
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
