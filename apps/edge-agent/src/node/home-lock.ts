// One daemon for each home, and one command where no daemon runs. LevelDB's own lock stands behind this lock.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { diskFault } from "@attune/platform/disk-fault";
import { acquireHomeLock, findHomeHolder, type HomeLock } from "@attune/platform/home-lock";
import { AppError } from "@attune/shared/errors";
import { directoryMode } from "./own-file.js";

const lockPath = (home: string): string => join(home, "daemon.lock");

/**
 * `brief`: the lock is for one command. Makes the home. Throws HOME_IN_USE, or INVALID_CONFIGURATION naming `--home`.
 */
export async function lockHome(home: string, options: { readonly brief?: boolean } = {}): Promise<HomeLock> {
  try {
    await mkdir(home, { recursive: true, mode: directoryMode });
    return await acquireHomeLock(lockPath(home), options);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as { code?: unknown };
    throw (
      diskFault(home, cause) ??
      new AppError("INVALID_CONFIGURATION", `--home ${home} cannot be used (${code})`, { cause })
    );
  }
}

/** The living daemon of this home, if there is one. */
export function findDaemon(home: string): Promise<number | undefined> {
  return findHomeHolder(lockPath(home));
}
