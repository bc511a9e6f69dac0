// What the operating system refuses, as faults of the one table: a full disk, a limit that is reached, a place that may not be used.

import { AppError, type ErrorCode } from "./errors.js";

const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ...["ENOSPC", "EDQUOT"].map((name) => [name, "DISK_FULL"] as const),
  // Open files of this process, open files of the machine, processes, memory.
  ...["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"].map((name) => [name, "SYSTEM_LIMIT"] as const),
  ...["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"].map(
    (name) => [name, "INVALID_CONFIGURATION"] as const,
  ),
]);

/** Undefined for anything that is not the system's refusal. The message is the system's own and may name a path. */
export function systemFault(error: unknown): AppError | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const own = typeof code === "string" ? codes.get(code) : undefined;
  return own === undefined ? undefined : new AppError(own, String(message), { cause: error });
}

/** A shortage of this machine as its clients may know it: without a path. Undefined for anything else. */
export function shortage(error: unknown): AppError | undefined {
  const fault = systemFault(error);
  if (fault === undefined || fault.code === "INVALID_CONFIGURATION") return undefined;
  const { code } = error as { code?: unknown };
  return new AppError(fault.code, `this machine has too little to answer with (${code})`, { cause: error });
}
