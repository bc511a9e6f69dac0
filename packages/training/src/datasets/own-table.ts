// Reads an owner's own table, .csv, .tsv or .jsonl, through a mapping of its columns and under its own labels.

import { readJsonLines } from "./json-lines.js";
import type { DatasetColumns } from "./mapping.js";
import { readColumns, type SpelledLabel, type TableRow, warnOfSpellings } from "./table.js";
import { datasetError } from "./text-file.js";
import type { Warn } from "./warning.js";

/** The columns' names without a mapping. */
export const usualColumns = { text: "text", label: "label" } as const satisfies DatasetColumns;
/** The speaker's column, read if the table has it. */
const usualSpeaker = "speaker";

/** Throws INVALID_DATASET, naming the file, the line and the column. */
export function readOwnTable(path: string, columns: DatasetColumns | undefined, warn: Warn): TableRow[] {
  if (/\.jsonl$/i.test(path)) return readObjects(path, columns, warn);
  return readColumns(path, columns ?? { ...usualColumns, usualSpeaker }, warn);
}

function readObjects(path: string, columns: DatasetColumns | undefined, warn: Warn): TableRow[] {
  const named: DatasetColumns = columns ?? { ...usualColumns, speaker: usualSpeaker };
  const optional = named.speaker === undefined ? [] : [named.speaker];
  const labels: SpelledLabel[] = [];
  const rows = readJsonLines(path, { required: [named.text, named.label], optional }).map(({ fields, line }) => {
    const [text, label, speaker] = fields.map((field) => field.trim());
    if (!text) throw datasetError(path, line, `the column "${named.text}" is empty; remove the line`);
    labels.push({ spelled: label!, line });
    return { text, label: label!.toLowerCase(), sourceLine: line, ...(speaker ? { speaker } : {}) };
  });
  if (columns?.speaker !== undefined && rows.every(({ speaker }) => speaker === undefined)) {
    throw datasetError(
      path,
      1,
      `the column "${columns.speaker}" is missing, here and in every line; correct --columns`,
    );
  }
  warnOfSpellings(path, labels, warn);
  return rows;
}
