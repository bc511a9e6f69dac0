// Turns refusals of the operating system into faults of the one table: a full disk, a reached limit, a forbidden path.

import { AppError, type ErrorCode } from "./errors.js";

const codes: ReadonlyMap<string, ErrorCode> = new Map([
  ...["ENOSPC", "EDQUOT"].map((name) => [name, "DISK_FULL"] as const),
  // These codes name limits on the process's open files, on the machine's open files, on processes and on memory.
  ...["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"].map((name) => [name, "SYSTEM_LIMIT"] as const),
  ...["EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"].map(
    (name) => [name, "INVALID_CONFIGURATION"] as const,
  ),
]);

/** Undefined for an error that is not a refusal of the system. The message is the system's own and may name a path. */
export function systemFault(error: unknown): AppError | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const own = typeof code === "string" ? codes.get(code) : undefined;
  return own === undefined ? undefined : new AppError(own, String(message), { cause: error });
}

/** A shortage of this machine as clients may read it: without a path. Undefined for every other error. */
export function shortage(error: unknown): AppError | undefined {
  const fault = systemFault(error);
  if (fault === undefined || fault.code === "INVALID_CONFIGURATION") return undefined;
  const { code } = error as { code?: unknown };
  return new AppError(fault.code, `this machine lacks a resource for the answer (${code})`, { cause: error });
}
