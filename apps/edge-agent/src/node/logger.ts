// JSON lines on stderr. A field is a number or a single word; any other value is replaced, so that no sentence can reach a log by mistake. The
// one exception is `detail`, the explanation of a refused release, made of numbers and file names.

import { standardStream } from "@attune/platform/standard-stream";
import { createLogLines } from "@attune/shared/output";
import type { Log } from "../core/ports.js";
import { type LogLevel, logLevels } from "./env.js";

const closedWord = /^[A-Za-z0-9._:/+-]{0,128}$/;

export function createLogger(
  threshold: LogLevel,
  write: (line: string) => void = createLogLines(standardStream(process.stderr)),
  nowMs: () => number = Date.now,
): Log {
  const limit = logLevels.indexOf(threshold);
  return (level, event, fields) => {
    if (logLevels.indexOf(level) < limit) return;
    const safe: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(fields)) {
      const open = typeof value === "string" && name !== "detail" && !closedWord.test(value);
      safe[name] = open ? "(withheld)" : value;
    }
    write(`${JSON.stringify({ time: new Date(nowMs()).toISOString(), level, event, ...safe })}\n`);
  };
}
