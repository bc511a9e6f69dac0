// Finds the files of a set's parts by the names that people and tools give them, and the tables that are no part.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { datasetError } from "./text-file.js";
import type { Warn } from "./warning.js";

export const tableExtensions = ["tsv", "csv", "jsonl"] as const;

const partNames = { train: ["train"], dev: ["dev", "validation", "valid", "val"], test: ["test"] } as const;
type Part = keyof typeof partNames;

export function isTable(path: string): boolean {
  return /\.(csv|tsv|jsonl)$/i.test(path);
}

/** The path of the part: the first of its names that exists, then the first of the extensions. */
export function partFile(directory: string, part: Part, extensions: readonly string[]): string | undefined {
  const files = filesIn(directory);
  const names = partNames[part].flatMap((name) => extensions.map((extension) => `${name}.${extension}`));
  const found = names.find((name) => files.includes(name));
  return found === undefined ? undefined : join(directory, found);
}

/** Whether a file is named as a part is, whatever its form: dev.parquet, test.csv.gz. */
function isNamedAsPart(name: string): boolean {
  const [stem = "", ...extensions] = name.toLowerCase().split(".");
  return extensions.length > 0 && Object.values(partNames).some((names) => (names as readonly string[]).includes(stem));
}

/** Warns of the folder's tables that are not among `parts`, so that a user knows they are not read. */
export function warnOfOthers(directory: string, parts: readonly (string | undefined)[], warn: Warn): void {
  const others = filesIn(directory).filter(
    (name) => (isTable(name) || isNamedAsPart(name)) && !name.startsWith(".") && !parts.includes(join(directory, name)),
  );
  if (others.length === 0) return;
  warn(
    `${directory}: ${others.sort().join(", ")} ${others.length === 1 ? "is" : "are"} not read; call a part of the set train, dev or test, as .csv, .tsv or .jsonl`,
  );
}

/** Throws INVALID_DATASET if the folder cannot be read. */
export function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "there is no such folder" : `the path cannot be read as a folder (${code})`;
    throw datasetError(directory, undefined, `${problem}; check the path`);
  }
}
