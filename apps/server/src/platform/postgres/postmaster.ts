// PostgreSQL's own record of the process that serves a data directory.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The postmaster's pid in its pid file. The process may have ended, or the pid may belong to another process by now.
 */
export async function postmasterPid(dataDirectory: string): Promise<number | undefined> {
  return numberInLine(dataDirectory, 0);
}

/** The port in the same file. */
export async function postmasterPort(dataDirectory: string): Promise<number | undefined> {
  return numberInLine(dataDirectory, 3);
}

async function numberInLine(dataDirectory: string, line: number): Promise<number | undefined> {
  try {
    const lines = (await readFile(join(dataDirectory, "postmaster.pid"), "utf8")).split("\n");
    const number = Number(lines[line]);
    return Number.isSafeInteger(number) && number > 0 ? number : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
