// Reads a table of its owner's, .csv, .tsv or .jsonl, through a mapping of its columns and under its own labels.

import { readJsonLines } from "./json-lines.js";
import type { DatasetColumns } from "./mapping.js";
import { datasetError, readColumns, type TableRow } from "./table.js";

export function isTable(path: string): boolean {
  return /\.(csv|tsv|jsonl)$/i.test(path);
}

/** Throws INVALID_DATASET, naming the file, the line and the column. */
export function readOwnTable(path: string, columns: DatasetColumns): TableRow[] {
  if (!/\.jsonl$/i.test(path)) {
    return readColumns(path, { ...columns, delimiter: /\.tsv$/i.test(path) ? "\t" : "," });
  }
  const { text: textName, label: labelName, speaker: speakerName } = columns;
  const optional = speakerName === undefined ? [] : [speakerName];
  return readJsonLines(path, { required: [textName, labelName], optional }).map(({ fields, line }) => {
    const [text, label, speaker] = fields.map((field) => field.trim());
    if (!text) throw datasetError(path, line, `the column "${textName}" is empty; remove the line`);
    return { text, label: label!.toLowerCase(), sourceLine: line, ...(speaker ? { speaker } : {}) };
  });
}
