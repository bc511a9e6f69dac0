// PostgreSQL's own record of the process that serves a data directory.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The postmaster's pid in its pid file. The process may have ended, or the pid may belong to another process by now.
 */
export async function postmasterPid(dataDirectory: string): Promise<number | undefined> {
  try {
    const [first] = (await readFile(join(dataDirectory, "postmaster.pid"), "utf8")).split("\n");
    const pid = Number(first);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
