// Records the owner of a database that lies outside its home. So a copied home is noticed, and an
// abandoned database is removed.

import { readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import type { Logger } from "@attune/platform/logger";
import { wasStartedWith } from "@attune/platform/process-identity";
import { postmasterPid } from "./postmaster.js";

/** Records that `directory` holds the database of `home`. */
export async function writeOwner(directory: string, home: string): Promise<void> {
  // The place is written first: a home without a place is never taken for deleted.
  await writeFileDurably(join(directory, "home-place"), `${await placeOf(home)}\n`);
  await writeFileDurably(join(directory, "home"), home);
}

export function readOwner(directory: string): Promise<string | undefined> {
  return readTextFile(join(directory, "home"));
}

/**
 * Removes the databases of deleted homes in the temporary directory, such as a killed demo's, which no process can ask
 * for again. A home on a file system that is not mounted now is not deleted. So the directory that held the home must
 * be the very directory recorded.
 */
export async function removeAbandoned(sharedDirectory: string, logger: Logger): Promise<void> {
  for (const name of await readdir(sharedDirectory)) {
    const directory = join(sharedDirectory, name);
    const home = await readOwner(directory).catch(() => undefined);
    if (home === undefined || !home.startsWith(join(tmpdir(), "/")) || !(await isDeleted(directory, home))) continue;
    const data = join(directory, "postgres");
    const pid = await postmasterPid(data);
    if (pid !== undefined && (await wasStartedWith(pid, data))) continue;
    logger.info("postgres.abandoned", { directory, home });
    await rm(directory, { recursive: true, force: true });
  }
}

async function isDeleted(directory: string, home: string): Promise<boolean> {
  const place = (await readTextFile(join(directory, "home-place")))?.trim();
  if (place === undefined || place !== (await placeOf(home))) return false;
  return stat(home).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
}

/** Which directory, on which file system, holds the home: another file system mounted there is another place. */
async function placeOf(home: string): Promise<string | undefined> {
  const found = await stat(dirname(home)).catch(() => undefined);
  return found && `${found.dev}:${found.ino}:${found.birthtimeMs}`;
}
