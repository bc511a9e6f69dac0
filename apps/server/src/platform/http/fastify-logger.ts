// The server's log in the form that Fastify wants.

import { errorFields, type Logger } from "@attune/platform/logger";
import type { FastifyBaseLogger } from "fastify";

/**
 * Adapts the server's log to Fastify, which logs through an object like pino's. Fastify's few messages become
 * events of this log.
 */
export function asFastifyLogger(logger: Logger): FastifyBaseLogger {
  const at = (level: "debug" | "info" | "warn" | "error") => (first: unknown, message?: unknown) => {
    const fault = first instanceof Error ? first : (first as { err?: unknown } | undefined)?.err;
    const text = typeof first === "string" ? first : typeof message === "string" ? message : undefined;
    logger[level]("http.server", { text, ...(fault === undefined ? {} : errorFields(fault)) });
  };
  const adapter: FastifyBaseLogger = {
    level: "info",
    trace: () => undefined,
    debug: at("debug"),
    info: at("debug"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("error"),
    silent: () => undefined,
    child: () => adapter,
  };
  return adapter;
}
