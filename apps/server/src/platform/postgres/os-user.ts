// The user that a program runs as when this process is root's, and the paths that this user can reach.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { AppError } from "@attune/shared/errors";

const run = promisify(execFile);

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

export async function nobodyUser(): Promise<OsUser> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", "nobody"]), run("id", ["-g", "nobody"])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (cause) {
    const message =
      "PostgreSQL cannot run as root, and this system has no user `nobody`; start the server as another user, or set DATABASE_URL";
    throw new AppError("INVALID_CONFIGURATION", message, { cause });
  }
}

/** The kernel is asked as that user, because modes alone do not decide (access lists, mounts). */
export async function canReach(directory: string, user: OsUser): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", 'cd -- "$1"', "sh", directory], { uid: user.uid, gid: user.gid, cwd: "/" });
    return true;
  } catch {
    return false;
  }
}
