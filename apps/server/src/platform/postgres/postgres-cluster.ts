// Locates the embedded PostgreSQL's programs and files, chooses the user that runs them, and creates a new cluster.
// PostgreSQL refuses to run as root, so a server started by root runs it as `nobody`, who must be able to reach both.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeDirectory, readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { ServerPlaces } from "../home.js";
import { limitFault } from "../system-limits.js";
import { readOwner, removeAbandoned, writeOwner } from "./database-owner.js";
import { canReach, nobodyUser, type OsUser } from "./os-user.js";
import { makeSharedDirectory, openPostgresPrograms } from "./postgres-programs.js";

const run = promisify(execFile);

export const databaseUser = "attune";

export interface PostgresCluster {
  /** Directory of the programs `postgres` and `initdb`. */
  readonly programs: string;
  readonly dataDirectory: string;
  readonly user: OsUser | undefined;
}

interface ClusterOptions {
  readonly places: ServerPlaces;
  /** Root's place for files that `nobody` could not reach in the home or in the installation. */
  readonly sharedDirectory: string;
  readonly logger: Logger;
}

/** Finds or chooses the places; creates no cluster yet. */
export async function locateCluster(options: ClusterOptions): Promise<PostgresCluster> {
  if (process.getuid?.() !== 0) {
    const programs = await openPostgresPrograms({ ...options, user: undefined });
    return { programs, dataDirectory: options.places.postgres, user: undefined };
  }
  const nobody = await nobodyUser();
  const dataDirectory = await reachableDataDirectory(nobody, options);
  // An existing cluster keeps its owner, whoever that is.
  const user = (await ownerOf(dataDirectory)) ?? nobody;
  if (!(await canReach(dirname(dataDirectory), user))) throw unreachable(dirname(dataDirectory), user);
  return { programs: await openPostgresPrograms({ ...options, user }), dataDirectory, user };
}

async function ownerOf(dataDirectory: string): Promise<OsUser | undefined> {
  const found = await stat(dataDirectory).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}

const locationSchema = z.object({ dataDirectory: z.string() });

async function reachableDataDirectory(nobody: OsUser, options: ClusterOptions): Promise<string> {
  const { places, sharedDirectory, logger } = options;
  const pointer = join(places.server, "postgres-location.json");
  const pointed = await readTextFile(pointer);
  if (pointed !== undefined) {
    const { dataDirectory } = parsePointer(pointed, pointer);
    await assertOwnedBy(places.home, dataDirectory, pointer);
    return dataDirectory;
  }
  if ((await stat(places.postgres).catch(() => undefined)) !== undefined) return places.postgres;
  if (await canReach(places.server, nobody)) return places.postgres;
  await makeSharedDirectory(sharedDirectory);
  await removeAbandoned(sharedDirectory, logger);
  // The name is random and not derived from the home's path: a new home must never find an old home's data.
  const directory = join(sharedDirectory, randomBytes(8).toString("hex"));
  const dataDirectory = join(directory, "postgres");
  await makeDirectory(directory, 0o711);
  await writeOwner(directory, places.home);
  await writeFileDurably(pointer, `${JSON.stringify({ dataDirectory })}\n`);
  logger.warn("postgres.elsewhere", {
    dataDirectory,
    why: `the user nobody cannot pass through ${places.server}; the database is kept in dataDirectory instead`,
  });
  return dataDirectory;
}

function parsePointer(text: string, path: string): { dataDirectory: string } {
  try {
    return locationSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", `${path} does not name the database's directory`, { cause });
  }
}

/** A copied home names the original's database; two servers on one cluster would stop each other's PostgreSQL. */
async function assertOwnedBy(home: string, dataDirectory: string, pointer: string): Promise<void> {
  const directory = dirname(dataDirectory);
  const owner = await readOwner(directory);
  if (owner === home) return;
  const others = owner === undefined ? undefined : await readTextFile(join(owner, "server", "postgres-location.json"));
  if (others !== undefined && parsePointer(others, pointer).dataDirectory === dataDirectory) {
    throw new AppError("HOME_IN_USE", `${dataDirectory} is the database of ${owner}, of which ${home} is a copy`);
  }
  // The home was moved.
  await writeOwner(directory, home);
}

function unreachable(directory: string, { uid }: OsUser): AppError {
  return new AppError(
    "INVALID_CONFIGURATION",
    `PostgreSQL runs as user ${uid}, who cannot pass through ${directory}; ` +
      "allow it (chmod o+x on the directory and its parents), choose another ATTUNE_HOME, or set DATABASE_URL",
  );
}

/** Creates the cluster unless it exists. An interrupted creation leaves nothing that would be taken for a cluster. */
export async function createClusterOnce(cluster: PostgresCluster, password: string): Promise<void> {
  const { dataDirectory, programs, user } = cluster;
  if ((await stat(dataDirectory).catch(() => undefined)) !== undefined) return;
  const unfinished = `${dataDirectory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  // The file lies beside the data, not in the temporary directory, which may be root's alone.
  const passwordFile = `${dataDirectory}.password`;
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, `${password}\n`, { flag: "wx", mode: 0o600 });
  try {
    if (user !== undefined) {
      await chown(unfinished, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    const args = [
      `--pgdata=${unfinished}`,
      `--username=${databaseUser}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-instructions",
    ];
    await run(join(programs, "initdb"), args, { env: { LC_ALL: "C" }, cwd: "/", ...user });
  } catch (cause) {
    const limit = limitFault("PostgreSQL", (cause as { stderr?: string }).stderr ?? "");
    if (limit !== undefined) throw limit;
    const detail = (cause as { stderr?: string }).stderr?.trim().split("\n").slice(-2).join(" | ") ?? String(cause);
    throw new AppError("DATABASE_UNAVAILABLE", `the server cannot create the database in ${dataDirectory}: ${detail}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(unfinished, dataDirectory);
}
