// Makes and tests the folders that a command writes into, before it computes anything that would be lost with them.

import { access, constants } from "node:fs/promises";
import { AppError } from "@attune/shared/errors";
import { systemFault } from "@attune/shared/system-fault";
import { makeTree } from "./durable-file.js";

/**
 * `setting` is the flag or variable that names the folder. Throws INVALID_CONFIGURATION, DISK_FULL
 * or SYSTEM_LIMIT, naming both.
 */
export async function makeOutputDirectory(path: string, setting: string): Promise<void> {
  try {
    await makeTree(path);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw directoryFault(path, setting, cause);
  }
}

/** The fault for a folder that the system refused with `cause`. */
export function directoryFault(path: string, setting: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const fault = systemFault(cause);
  if (fault?.code === "DISK_FULL") return new AppError("DISK_FULL", `no space left in ${path}`, { cause });
  if (fault?.code === "SYSTEM_LIMIT") return fault;
  const problem = `${path} cannot be made or written (${code})`;
  return new AppError("INVALID_CONFIGURATION", `${problem}; ${setting} must name a place that this user can write`, {
    cause,
  });
}
