// The agent's log. A field is a number or a single word. Any other value is withheld, so that no sentence reaches the
// log by mistake. The one exception, `detail`, explains a refused release; it is made of numbers and file names.

import { createLogger as createLines, type LogLevel } from "@attune/platform/logger";
import { standardStream } from "@attune/platform/standard-stream";
import { createLogLines } from "@attune/shared/output";
import type { Log } from "../core/ports.js";

const closedWord = /^[A-Za-z0-9._:/+-]{0,128}$/;

export function createLogger(
  level: LogLevel,
  write: (line: string) => void = createLogLines(standardStream(process.stderr)),
  nowMs: () => number = Date.now,
): Log {
  const lines = createLines({ level, write, now: () => new Date(nowMs()) });
  return (name, event, fields) => {
    const safe = Object.entries(fields).map(([field, value]) => {
      const isOpen = typeof value === "string" && field !== "detail" && !closedWord.test(value);
      return [field, isOpen ? "(withheld)" : value] as const;
    });
    lines[name](event, Object.fromEntries(safe));
  };
}
