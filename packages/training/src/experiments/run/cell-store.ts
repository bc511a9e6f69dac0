// Keeps outcomes on disk, one JSON line each, saved as they are found. A stopped run resumes from them, and
// a rerun computes nothing.

import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
} from "node:fs";
import { dirname } from "node:path";
import { namingDiskFaultsSync } from "@attune/platform/disk-fault";
import { z } from "zod";
import { type Outcome, outcomeSchema } from "../workbench/outcome.js";

const lineSchema = z.strictObject({ key: z.string(), outcome: outcomeSchema });

export interface CellStore {
  get(key: string): Outcome | undefined;
  put(key: string, outcome: Outcome): void;
}

/**
 * Drops a line that a crash cut short, or a line of another version; its task is computed again. A request for an
 * unknown outcome first reads the lines that other runs have added.
 */
export function openCellStore(path: string): CellStore {
  const outcomes = new Map<string, Outcome>();
  namingDiskFaultsSync(path, () => mkdirSync(dirname(path), { recursive: true }));
  let readBytes = 0;
  readMore();
  if (sizeOf(path) > readBytes) namingDiskFaultsSync(path, () => truncateSync(path, readBytes));

  function readMore(): void {
    if (sizeOf(path) <= readBytes) return;
    const bytes = namingDiskFaultsSync(path, () => readFileSync(path)).subarray(readBytes);
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    for (const line of whole.toString("utf8").split("\n")) {
      const parsed = lineSchema.safeParse(parseJson(line));
      if (parsed.success) outcomes.set(parsed.data.key, parsed.data.outcome);
    }
    readBytes += whole.length;
  }

  return {
    get(key) {
      if (!outcomes.has(key)) readMore();
      return outcomes.get(key);
    },
    put(key, outcome) {
      outcomes.set(key, outcome);
      namingDiskFaultsSync(path, () => append(path, `${JSON.stringify({ key, outcome })}\n`));
    },
  };
}

function sizeOf(path: string): number {
  return namingDiskFaultsSync(path, () => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

function append(path: string, line: string): void {
  const file = openSync(path, "a", 0o600);
  try {
    appendFileSync(file, line);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
