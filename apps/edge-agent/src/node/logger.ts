// The agent's log: lines whose fields hold numbers and closed words alone.

import { createLogger as createLines, type LogLevel } from "@attune/platform/logger";
import { standardStream } from "@attune/platform/standard-stream";
import { createLogLines } from "@attune/shared/output";
import { closedFields } from "../core/closed-fields.js";
import type { Log } from "../core/ports.js";

export function createLogger(
  level: LogLevel,
  write: (line: string) => void = createLogLines(standardStream(process.stderr)),
  nowMs: () => number = Date.now,
): Log {
  const lines = createLines({ level, write, now: () => new Date(nowMs()) });
  return (name, event, fields) => lines[name](event, closedFields(fields));
}
