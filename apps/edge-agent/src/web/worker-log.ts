// The agent's log in a browser: lines of the worker's console, whose fields hold numbers and closed words alone.

import { closedFields } from "../core/closed-fields.js";
import type { Log } from "../core/ports.js";

export const workerLog: Log = (level, event, fields) => {
  // biome-ignore lint/suspicious/noConsole: a worker has no other place for its log.
  console[level](event, closedFields(fields));
};
