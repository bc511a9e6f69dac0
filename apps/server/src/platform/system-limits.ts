// Recognises limits of the machine: in a child's output, and the limit of open files before this process meets it. Each
// is a setting to raise, not a defect.

import { readFileSync } from "node:fs";
import { AppError } from "@attune/shared/errors";

/** The server with PostgreSQL's and NATS's connections needs about a hundred. */
const minOpenFiles = 256;

const limits: readonly (readonly [words: RegExp, remedy: string])[] = [
  [
    /too many open files|insufficient file descriptors|EMFILE|ENFILE/i,
    "the limit of open files is too low; raise it to 4096 (`ulimit -n 4096`, LimitNOFILE= of a systemd unit)",
  ],
  [
    /could not \w+ shared memory segment/i,
    "/dev/shm is missing or too small; give it 64 MB (`docker run --shm-size=64m`, `mount -o remount,size=64m /dev/shm`), or set DATABASE_URL",
  ],
  [
    /could not fork|failed to create new OS thread|Resource temporarily unavailable/i,
    "the limit of processes is too low; raise it to 1024 (`ulimit -u 1024`, TasksMax= of a systemd unit)",
  ],
];

/** The fault for `text`, written by the program `name`, that complains of a limit. Undefined for any other text. */
export function limitFault(name: string, text: string): AppError | undefined {
  const remedy = limits.find(([words]) => words.test(text))?.[1];
  return remedy === undefined ? undefined : new AppError("SYSTEM_LIMIT", `${name} cannot run: ${remedy}`);
}

/**
 * Throws SYSTEM_LIMIT where this process may open too few files. Without the check Node reports a module that it could
 * not open as a module that does not exist. `limits`: what /proc/self/limits says; other systems have no such file.
 */
export function requireOpenFiles(limits = readLimits()): void {
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (limit === undefined || Number(limit) >= minOpenFiles) return;
  const remedy = "raise the limit to 4096 (`ulimit -n 4096`, LimitNOFILE= of a systemd unit)";
  throw new AppError("SYSTEM_LIMIT", `this process may open ${limit} files, and needs ${minOpenFiles}: ${remedy}`);
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}
