// Reads any labelled CSV or TSV file through a mapping of its columns; every other dataset reader of this folder stands on it.

import { readFileSync } from "node:fs";
import { type EmotionLabel, emotionLabels } from "@attune/shared/contracts/dataset";
import { AppError } from "@attune/shared/errors";
import { CsvError, parse } from "csv-parse/sync";

export interface LabelledRow {
  readonly text: string;
  readonly label: EmotionLabel;
  /** Every label of the row when it has more than one; the first is `label`. */
  readonly labels?: readonly EmotionLabel[];
  readonly speaker?: string;
  /** The file's own name of the label, in lower case, where a mapping turned it into `label`. */
  readonly sourceLabel?: string;
  /** The line of the file on which the row ends, counted from 1. */
  readonly sourceLine: number;
}

/** Which columns are read, by the names in the header. */
export interface TableColumns {
  readonly delimiter?: "," | "\t";
  readonly text: string;
  readonly label: string;
  readonly speaker?: string;
  /** Read as the speaker where the header has it. */
  readonly usualSpeaker?: string;
}

export interface TableMapping extends TableColumns {
  /** Turns the file's own label names into the seven; a name it does not hold is taken as it is. */
  readonly labelNames?: Readonly<Record<string, EmotionLabel>>;
  /** Refuses names that `labelNames` does not hold, even if they are one of the seven. */
  readonly onlyMapped?: boolean;
}

/** A row under the file's own labels. */
export interface TableRow {
  readonly text: string;
  /** In lower case; may be empty. */
  readonly label: string;
  readonly speaker?: string;
  readonly sourceLine: number;
}

export interface RawRecord {
  readonly fields: readonly string[];
  readonly line: number;
}

/** A fault of one file: names file and line, and never quotes the line, because it may be someone's utterance. */
export function datasetError(path: string, line: number | undefined, problem: string): AppError {
  return new AppError("INVALID_DATASET", `${path}${line === undefined ? "" : `, line ${line}`}: ${problem}`);
}

export function readTextFile(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
    throw new AppError("INVALID_DATASET", `${path}: ${problem}; check the path`, { cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError("INVALID_DATASET", `${path}: not UTF-8; convert it with iconv`, { cause });
  }
}

/** RFC 4180 records with the line on which each ends; CRLF and LF, a byte order mark is skipped. */
export function readRecords(path: string, options: { delimiter: "," | "\t"; quoted: boolean }): RawRecord[] {
  const text = readTextFile(path);
  if (text.trim() === "") throw datasetError(path, undefined, "the file is empty; give a file with at least one row");
  try {
    const parsed = parse(text, {
      bom: true,
      record_delimiter: ["\r\n", "\n"],
      delimiter: options.delimiter,
      quote: options.quoted ? '"' : false,
      relax_column_count: true,
      skip_empty_lines: true,
      info: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return parsed.map(({ record, info }) => ({ fields: record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The library's message quotes the line, so only its code is passed on.
    const line = (error as CsvError & { lines?: number }).lines;
    throw datasetError(
      path,
      line,
      `the quoting is malformed (${error.code}); close every quote and double the quotes inside a quoted field`,
    );
  }
}

/** Reads a table with a header line under the seven labels. Throws INVALID_DATASET, naming the file and the line or column. */
export function readTable(path: string, mapping: TableMapping): LabelledRow[] {
  return readColumns(path, mapping).map(({ label: sourceLabel, ...row }) => {
    const label = toLabel(sourceLabel, mapping);
    if (label === undefined) {
      throw datasetError(
        path,
        row.sourceLine,
        `the column "${mapping.label}" holds a label outside the set (${labelSet(mapping).join(", ")}); correct or map it`,
      );
    }
    return { ...row, label, ...(mapping.labelNames ? { sourceLabel } : {}) };
  });
}

/** Reads a table with a header line under its own labels. Throws INVALID_DATASET, naming the file and the line or column. */
export function readColumns(path: string, columns: TableColumns): TableRow[] {
  const [header, ...records] = readRecords(path, { delimiter: columns.delimiter ?? ",", quoted: true });
  const names = header!.fields.map((name) => name.trim());
  const columnOf = (name: string): number => {
    const index = names.indexOf(name);
    if (index < 0) {
      throw datasetError(
        path,
        header!.line,
        `the column "${name}" is missing; rename a column or map another with --columns`,
      );
    }
    return index;
  };
  const textColumn = columnOf(columns.text);
  const labelColumn = columnOf(columns.label);
  const { speaker: speakerName = names.find((name) => name === columns.usualSpeaker) } = columns;
  const speakerColumn = speakerName === undefined ? undefined : columnOf(speakerName);
  if (records.length === 0) {
    throw datasetError(path, undefined, "there is a header but no row; give a file with at least one row");
  }
  return records.map(({ fields, line }) => {
    if (fields.length !== names.length) {
      throw datasetError(
        path,
        line,
        `${fields.length} fields where the header has ${names.length}; quote fields that hold the delimiter`,
      );
    }
    const text = fields[textColumn]!.trim();
    if (text === "") throw datasetError(path, line, `the column "${columns.text}" is empty; remove the line`);
    const label = fields[labelColumn]!.trim().toLowerCase();
    const speaker = speakerColumn === undefined ? undefined : fields[speakerColumn]!.trim();
    return { text, label, sourceLine: line, ...(speaker ? { speaker } : {}) };
  });
}

function toLabel(name: string, { labelNames = {}, onlyMapped = false }: TableMapping): EmotionLabel | undefined {
  if (Object.hasOwn(labelNames, name)) return labelNames[name];
  return onlyMapped ? undefined : emotionLabels.find((label) => label === name);
}

function labelSet({ labelNames = {}, onlyMapped = false }: TableMapping): string[] {
  return [...new Set([...Object.keys(labelNames), ...(onlyMapped ? [] : emotionLabels)])];
}
