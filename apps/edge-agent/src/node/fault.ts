// What may be said of a defect, in a log or on a terminal whose output ends up in a log: its kind and its place. Its message
// may quote what it failed on.

/** Kind of the error and the innermost file and line of its stack. */
export function faultFields(error: unknown): { fault: string; at: string } {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = /\/([\w.-]+\.[jt]s:\d+):\d+\)?$/m.exec(stack)?.[1] ?? "unknown";
  return { fault: error instanceof Error ? error.name : typeof error, at };
}

/** One line about a defect; the operating system's errors (EACCES, EROFS, …) name a path and may speak for themselves. */
export function describeFault(error: unknown): string {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  if (error instanceof Error && typeof code === "string" && typeof syscall === "string") return error.message;
  const { fault, at } = faultFields(error);
  return `${fault} at ${at}`;
}

/** The lines of a stack without the message: where it went wrong, not on what. */
export function stackLines(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? "").split("\n") : [];
  return lines.filter((line) => /^\s+at /.test(line)).join("\n");
}
