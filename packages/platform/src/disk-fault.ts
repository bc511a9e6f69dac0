// Turns a disk's refusals into faults of the one table. Each names the file or folder, and its code implies the remedy.

import { AppError } from "@attune/shared/errors";

/**
 * Runs an action that reads or writes `path`. A full disk is DISK_FULL, a failing disk DISK_FAILED; any other fault
 * stays as it is.
 */
export async function namingDiskFaults<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw diskFault(path, cause) ?? cause;
  }
}

/** The synchronous form, for threads, which compute without waiting. */
export function namingDiskFaultsSync<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw diskFault(path, cause) ?? cause;
  }
}

/** Undefined where `cause` is no fault of the disk. */
export function diskFault(path: string, cause: unknown): AppError | undefined {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  // LevelDB reports the operating system's words, not its number.
  const words = typeof message === "string" ? message : "";
  if (code === "ENOSPC" || code === "EDQUOT" || /no space left on device|disk quota exceeded/i.test(words)) {
    return new AppError("DISK_FULL", `no space left for ${path}`, { cause });
  }
  if (code === "EIO" || /input\/output error/i.test(words)) {
    return new AppError("DISK_FAILED", `${path} cannot be read or written (EIO)`, { cause });
  }
  return undefined;
}

export function isMissing(cause: unknown): boolean {
  return (cause as { code?: unknown }).code === "ENOENT";
}
