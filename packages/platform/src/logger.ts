// The log of both programs: one JSON object a line on standard error. Fields are identifiers, numbers and error codes.
// A line is written before the call returns, so the last line before a crash is there.

import { AppError } from "@attune/shared/errors";

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

interface LoggerOptions {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}

export function createLogger({ level, write, now = () => new Date() }: LoggerOptions): Logger {
  const at = (name: Exclude<LogLevel, "silent">) => {
    if (logLevels.indexOf(name) < logLevels.indexOf(level)) return () => undefined;
    return (event: string, fields: LogFields = {}) =>
      write(`${JSON.stringify({ time: now().toISOString(), level: name, event, ...fields })}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** An error as fields of a log line: its code and message, and for a defect also its place. */
export function errorFields(error: unknown): LogFields {
  if (error instanceof AppError) return { code: error.code, message: error.message, cause: describe(error.cause) };
  if (!(error instanceof Error)) return { code: "INTERNAL", message: String(error).slice(0, 500) };
  return { code: "INTERNAL", message: describe(error), stack: error.stack?.split("\n").slice(1, 6).join("\n") };
}

function describe(cause: unknown): string | undefined {
  if (cause === undefined) return undefined;
  return (cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)).slice(0, 500);
}
