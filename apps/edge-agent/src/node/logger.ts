// JSON lines on stderr. A field is a number or a word of a closed list; anything else is replaced, so that no sentence
// can reach a log by mistake.

import type { Log } from "../core/ports.js";
import { type LogLevel, logLevels } from "./env.js";

const closedWord = /^[A-Za-z0-9._:/+-]{0,128}$/;

export function createLogger(
  threshold: LogLevel,
  write: (line: string) => void = (line) => process.stderr.write(line),
  nowMs: () => number = Date.now,
): Log {
  const limit = logLevels.indexOf(threshold);
  return (level, event, fields) => {
    if (logLevels.indexOf(level) < limit) return;
    const safe: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(fields)) {
      safe[name] = typeof value === "string" && !closedWord.test(value) ? "(withheld)" : value;
    }
    write(`${JSON.stringify({ time: new Date(nowMs()).toISOString(), level, event, ...safe })}\n`);
  };
}
