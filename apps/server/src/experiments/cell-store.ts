// Outcomes on disk, one JSON line each, written as they are found: a run that was stopped goes on from there, and a rerun computes nothing.

import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
} from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { type Outcome, outcomeSchema } from "./outcome.js";

const lineSchema = z.strictObject({ key: z.string(), outcome: outcomeSchema });

export interface CellStore {
  get(key: string): Outcome | undefined;
  put(key: string, outcome: Outcome): void;
}

/** A line cut short by a crash is dropped, and its task computed again; so is a line of another version. */
export function openCellStore(path: string): CellStore {
  const outcomes = new Map<string, Outcome>();
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) {
    const text = readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
    for (const line of whole.split("\n")) {
      const parsed = lineSchema.safeParse(parseJson(line));
      if (parsed.success) outcomes.set(parsed.data.key, parsed.data.outcome);
    }
  }
  return {
    get: (key) => outcomes.get(key),
    put(key, outcome) {
      outcomes.set(key, outcome);
      const file = openSync(path, "a", 0o600);
      try {
        appendFileSync(file, `${JSON.stringify({ key, outcome })}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
