// Describes a defect by its kind and its place, for a log or for a terminal whose output may end up in a log. The
// error's message is left out, because it may quote the data.

/** Kind of the error and the innermost file and line of its stack. */
export function faultFields(error: unknown): { fault: string; at: string } {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = /\/([\w.-]+\.[jt]s:\d+):\d+\)?$/m.exec(stack)?.[1] ?? "unknown";
  return { fault: error instanceof Error ? error.name : typeof error, at };
}

/**
 * One line about a defect. The operating system's errors (EACCES, EROFS, …) name a path, so their
 * message may be printed.
 */
export function describeFault(error: unknown): string {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  if (error instanceof Error && typeof code === "string" && typeof syscall === "string") return error.message;
  const { fault, at } = faultFields(error);
  return `${fault} at ${at}`;
}
