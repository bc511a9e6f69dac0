// Reads JSON Lines, one object a line, and takes the wanted fields as text.

import type { RawRecord } from "./delimited.js";
import { datasetError, readTextFile } from "./text-file.js";

interface WantedFields {
  /** Fields that every line must have. */
  readonly required: readonly string[];
  /** Fields that are empty where a line lacks them or holds null. */
  readonly optional: readonly string[];
}

/**
 * The fields of each object, `required` before `optional`. Throws INVALID_DATASET, naming the file, the
 * line and the field.
 */
export function readJsonLines(path: string, { required, optional }: WantedFields): RawRecord[] {
  const lines = readTextFile(path)
    .split(/\r?\n/)
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => text.trim() !== "");
  if (lines.length === 0) throw datasetError(path, undefined, "the file is empty; give a file with at least one row");
  return lines.map(({ text, line }) => {
    const object = parseObject(path, text, line);
    const own = (name: string) => (Object.hasOwn(object, name) ? object[name] : undefined);
    const fieldOf = (name: string, value: unknown) => {
      if (typeof value === "string") return value;
      if (typeof value === "number") return String(value);
      throw datasetError(
        path,
        line,
        `the field "${name}" is neither text nor a number; correct it, or name another with --columns`,
      );
    };
    return {
      line,
      fields: [
        ...required.map((name) => {
          const value = own(name);
          if (value !== undefined) return fieldOf(name, value);
          throw datasetError(
            path,
            line,
            `the column "${name}" is missing; add the field, or map another with --columns text=…,label=…`,
          );
        }),
        ...optional.map((name) => fieldOf(name, own(name) ?? "")),
      ],
    };
  });
}

/** The parser's own message quotes the line, so the message is not passed on. */
function parseObject(path: string, text: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw datasetError(path, line, "not JSON; write one object a line, with every line break in a text as \\n");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw datasetError(path, line, "not a JSON object; write one object a line, with a field for each column");
  }
  return value as Record<string, unknown>;
}
