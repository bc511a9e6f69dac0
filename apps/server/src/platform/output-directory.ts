// Folders that a command is told to write into: made and tried before anything is computed that would be lost with them.

import { access, constants } from "node:fs/promises";
import { AppError } from "@attune/shared/errors";
import { makeTree } from "./durable-file.js";

/** `setting`: the flag or variable that names the folder. Throws INVALID_CONFIGURATION or DISK_FULL, naming both. */
export async function makeOutputDirectory(path: string, setting: string): Promise<void> {
  try {
    await makeTree(path);
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw directoryFault(path, setting, cause);
  }
}

/** What to say of a folder that the system refused with `cause`. */
export function directoryFault(path: string, setting: string, cause: unknown): AppError {
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  if (isFull(code)) return new AppError("DISK_FULL", `no space left in ${path}`, { cause });
  const problem = `${path} cannot be made or written (${code})`;
  return new AppError("INVALID_CONFIGURATION", `${problem}; ${setting} must name a place that this user can write`, {
    cause,
  });
}

/** Where the system refused a file that a command reads or writes: told as such, for it is no defect. Undefined for anything else. */
export function systemFault(error: unknown): AppError | undefined {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (isFull(code)) return new AppError("DISK_FULL", message, { cause: error });
  const refused = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"].includes(code);
  return refused ? new AppError("INVALID_CONFIGURATION", message, { cause: error }) : undefined;
}

function isFull(code: string): boolean {
  return code === "ENOSPC" || code === "EDQUOT";
}
