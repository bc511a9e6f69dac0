// The database: an embedded PostgreSQL that this process starts, watches and stops, or the one that DATABASE_URL names.

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import { errorFields, type Logger } from "@attune/platform/logger";
import { stopOrphan, wasStartedWith } from "@attune/platform/process-identity";
import { AppError } from "@attune/shared/errors";
import pg from "pg";
import type { ServerPlaces } from "../home.js";
import { startSupervised } from "../process-supervision.js";
import { readDatabaseUrl } from "./database-url.js";
import { createClusterOnce, databaseUser, locateCluster, type PostgresCluster } from "./postgres-cluster.js";
import { postmasterPid, postmasterPort } from "./postmaster.js";

const host = "127.0.0.1";
const databaseName = "attune";
const sharedDirectory = "/var/lib/attune";

export interface Postgres {
  readonly connectionString: string;
  /** The pid of the embedded PostgreSQL; undefined for an external one, and while it is being restarted. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

interface EmbeddedPostgresOptions {
  readonly places: ServerPlaces;
  /** Called once orphans of an earlier server have been stopped, so that their port counts as free. */
  readonly choosePort: () => Promise<number>;
  readonly sharedDirectory?: string;
  readonly logger: Logger;
}

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<Postgres> {
  const { places, logger } = options;
  const shared = options.sharedDirectory ?? sharedDirectory;
  const cluster = await locateCluster({ places, sharedDirectory: shared, logger });
  const password = await openPassword(join(places.keys, "postgres.password"));
  await createClusterOnce(cluster, password);
  await clearPredecessor(cluster, logger);
  const port = await options.choosePort();
  const connectionString = `postgresql://${databaseUser}:${password}@${host}:${port}`;
  const child = await startSupervised({
    name: "postgres",
    code: "DATABASE_UNAVAILABLE",
    command: join(cluster.programs, "postgres"),
    args: ["-D", cluster.dataDirectory, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
    cwd: "/",
    env: { LC_ALL: "C" },
    user: cluster.user,
    logFile: join(places.server, "postgres.log"),
    prepare: () => clearPredecessor(cluster, logger),
    isReady: () => answers(`${connectionString}/postgres`),
    // After a crash PostgreSQL first replays its log.
    readyTimeoutMs: 60_000,
    // "Fast" shutdown: ends sessions, writes everything, stops.
    stopSignal: "SIGINT",
    stopTimeoutMs: 20_000,
    logger,
  });
  try {
    await createDatabaseOnce(`${connectionString}/postgres`);
  } catch (error) {
    await child.stop();
    throw error;
  }
  logger.info("postgres.ready", { port, pid: child.pid(), dataDirectory: cluster.dataDirectory });
  return { connectionString: `${connectionString}/${databaseName}`, pid: child.pid, stop: child.stop };
}

export function useExternalPostgres(connectionString: string): Postgres {
  return { connectionString, pid: () => undefined, stop: async () => undefined };
}

/** The address of the PostgreSQL that a server runs in this home. Throws SERVER_UNAVAILABLE. */
export async function findRunningPostgres(places: ServerPlaces, logger: Logger): Promise<string> {
  const password = (await readTextFile(join(places.keys, "postgres.password")))?.trim();
  const port =
    password && (await postmasterPort((await locateCluster({ places, sharedDirectory, logger })).dataDirectory));
  const connectionString = `postgresql://${databaseUser}:${password}@${host}:${port}/${databaseName}`;
  if (port && (await answers(connectionString))) return connectionString;
  throw new AppError("SERVER_UNAVAILABLE", `no server runs in ${places.home}; start it with \`attune server\``);
}

const settings = [
  `listen_addresses=${host}`,
  // PostgreSQL gets no socket in the file system: the port, with a password, is the only way in.
  "unix_socket_directories=",
  "max_connections=50",
  "shared_buffers=64MB",
  "max_wal_size=256MB",
  // A statement's values stay out of the log, even when the statement fails.
  "log_min_error_statement=panic",
  "log_parameter_max_length_on_error=0",
];

async function openPassword(path: string): Promise<string> {
  const stored = await readTextFile(path);
  if (stored !== undefined) return stored.trim();
  const password = randomBytes(24).toString("hex");
  await writeFileDurably(path, password, { mode: 0o600 });
  return password;
}

/** Stops the PostgreSQL of this data directory that a killed server left running. */
export async function stopPostgresOrphan(dataDirectory: string, logger: Logger): Promise<void> {
  const pid = await postmasterPid(dataDirectory);
  await stopOrphan({ name: "postgres", pid, argument: dataDirectory, signal: "SIGINT", timeoutMs: 20_000, logger });
}

/** Stops an orphan of an earlier server, and removes a pid file that names a stranger. */
async function clearPredecessor({ dataDirectory }: PostgresCluster, logger: Logger): Promise<void> {
  await stopPostgresOrphan(dataDirectory, logger);
  const pid = await postmasterPid(dataDirectory);
  if (pid === undefined) return;
  // PostgreSQL judges by the pid alone, and would refuse to start where another process has this number since.
  if (!(await wasStartedWith(pid, dataDirectory))) await rm(join(dataDirectory, "postmaster.pid"), { force: true });
}

async function answers(connectionString: string): Promise<boolean> {
  return withClient(connectionString, (client) => client.query("SELECT 1")).then(
    () => true,
    () => false,
  );
}

async function createDatabaseOnce(connectionString: string): Promise<void> {
  await withClient(connectionString, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [databaseName]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(databaseName)}`);
  });
}

/** Checks that an external database answers. The fault names the reason, without the password. */
export async function assertReachable(connectionString: string): Promise<void> {
  try {
    await withClient(connectionString, (client) => client.query("SELECT 1"));
  } catch (cause) {
    const { host: name, port } = new URL(connectionString);
    const why = errorFields(cause).message;
    throw new AppError("DATABASE_UNAVAILABLE", `DATABASE_URL (${name || `port ${port}`}) does not answer: ${why}`, {
      cause,
    });
  }
}

/** The client of one piece of work, with a connection of its own. */
export async function withClient<T>(connectionString: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionTimeoutMillis: 3_000, ...readDatabaseUrl(connectionString).client });
  // A connection that breaks while idle must not end this process. A waiting caller gets the error from its call.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
