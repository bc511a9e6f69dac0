// Asks whether a path exists. Node's existsSync calls a path absent that it cannot reach; here an unreadable
// disk is a fault.

import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { isMissing, namingDiskFaults, namingDiskFaultsSync } from "./disk-fault.js";

/** Throws DISK_FAILED naming the path, or the system's own refusal, where the system cannot say. */
export async function isPresent(path: string): Promise<boolean> {
  try {
    await namingDiskFaults(path, () => stat(path));
    return true;
  } catch (cause) {
    if (isAbsent(cause)) return false;
    throw cause;
  }
}

/** The synchronous form. */
export function isPresentSync(path: string): boolean {
  try {
    namingDiskFaultsSync(path, () => statSync(path));
    return true;
  } catch (cause) {
    if (isAbsent(cause)) return false;
    throw cause;
  }
}

/** A path beyond a file, as in `file/name`, is absent too. */
function isAbsent(cause: unknown): boolean {
  return isMissing(cause) || (cause as { code?: unknown }).code === "ENOTDIR";
}
