// Reads a table of its owner's, .csv, .tsv or .jsonl, through a mapping of its columns and under its own labels.

import { readJsonLines } from "./json-lines.js";
import type { DatasetColumns } from "./mapping.js";
import { datasetError, readColumns, type TableRow } from "./table.js";

export function isTable(path: string): boolean {
  return /\.(csv|tsv|jsonl)$/i.test(path);
}

/** What columns are called where nothing else is said. */
export const usualColumns = { text: "text", label: "label" } as const satisfies DatasetColumns;
/** Read where it is there. */
const usualSpeaker = "speaker";

/** Throws INVALID_DATASET, naming the file, the line and the column. */
export function readOwnTable(path: string, columns?: DatasetColumns): TableRow[] {
  if (/\.jsonl$/i.test(path)) return readObjects(path, columns);
  const delimiter = /\.tsv$/i.test(path) ? "\t" : ",";
  return readColumns(path, { ...(columns ?? { ...usualColumns, usualSpeaker }), delimiter });
}

function readObjects(path: string, columns?: DatasetColumns): TableRow[] {
  const named: DatasetColumns = columns ?? { ...usualColumns, speaker: usualSpeaker };
  const optional = named.speaker === undefined ? [] : [named.speaker];
  const rows = readJsonLines(path, { required: [named.text, named.label], optional }).map(({ fields, line }) => {
    const [text, label, speaker] = fields.map((field) => field.trim());
    if (!text) throw datasetError(path, line, `the column "${named.text}" is empty; remove the line`);
    return { text, label: label!.toLowerCase(), sourceLine: line, ...(speaker ? { speaker } : {}) };
  });
  if (columns?.speaker !== undefined && rows.every(({ speaker }) => speaker === undefined)) {
    throw datasetError(
      path,
      1,
      `the column "${columns.speaker}" is missing, here and in every line; correct --columns`,
    );
  }
  return rows;
}
