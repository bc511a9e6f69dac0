// Reads tables of delimited fields, quoted as in RFC 4180; the header decides whether comma, semicolon, tab or
// bar is the delimiter.

import { CsvError, parse } from "csv-parse/sync";
import { datasetError, readTextFile } from "./text-file.js";
import { rowsText, type Warn } from "./warning.js";

export interface RawRecord {
  readonly fields: readonly string[];
  /** The line on which the record ends, counted from 1. */
  readonly line: number;
}

export interface DelimitedTable {
  /** The delimiter of the fields, in words. */
  readonly delimiter: string;
  readonly header: RawRecord;
  readonly rows: readonly RawRecord[];
}

const delimiterNames: Readonly<Record<string, string>> = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" };

interface Form {
  readonly delimiter: string;
  readonly quoted: boolean;
  /** The first line that is read: 2 after Excel's `sep=;`. */
  readonly fromLine?: number;
  /** The number of records to read; all of them by default. */
  readonly maxRecords?: number;
}

/** Takes every line as a record, and quotation marks as letters. Throws INVALID_DATASET. */
export function readUnquoted(path: string, delimiter: string): RawRecord[] {
  return parseRecords(path, nonEmptyText(path), { delimiter, quoted: false });
}

/**
 * `columns`: those that are wanted; the delimiter is the first one by which the header holds them all. Throws
 * INVALID_DATASET. Warns of rows that a stray quotation mark may have swallowed.
 */
export function readDelimited(path: string, columns: readonly string[], warn: Warn): DelimitedTable {
  const text = nonEmptyText(path);
  const { delimiter, fromLine } = formOf(path, text, columns);
  const form = { delimiter, fromLine };
  const records = delimiter === "\t" ? readTabbed(path, text, form) : readQuoted(path, text, { form, warn });
  const [header, ...rows] = records;
  if (header === undefined) throw datasetError(path, undefined, "the file has no header; give a file with one");
  return { delimiter: delimiterNames[delimiter] ?? delimiter, header, rows };
}

/** The names of the columns, by the delimiter that gives most of them; empty where there are none. */
export function headerOf(path: string): string[] {
  const text = readTextFile(path);
  const { delimiter, fromLine } = formOf(path, text, []);
  return headerNames(text, { delimiter, fromLine });
}

function formOf(path: string, text: string, columns: readonly string[]): { delimiter: string; fromLine: number } {
  const [, named] = /^"?sep=(.)"?\r?\n/i.exec(text) ?? [];
  if (named !== undefined) return { delimiter: named, fromLine: 2 };
  const candidates = /\.tsv$/i.test(path) ? ["\t", ",", ";", "|"] : [",", ";", "\t", "|"];
  const headers = candidates.map((delimiter) => ({ delimiter, names: headerNames(text, { delimiter, fromLine: 1 }) }));
  const most = Math.max(...headers.map(({ names }) => names.length));
  const found =
    headers.find(({ names }) => columns.length > 0 && columns.every((column) => names.includes(column))) ??
    headers.find(({ names }) => names.length === most);
  return { delimiter: found!.delimiter, fromLine: 1 };
}

function headerNames(text: string, { delimiter, fromLine }: { delimiter: string; fromLine: number }): string[] {
  try {
    const [header] = parseCsv(text, { delimiter, quoted: true, fromLine, maxRecords: 1 });
    return header?.fields.map((name) => name.trim()) ?? [];
  } catch (error) {
    if (error instanceof CsvError) return [];
    throw error;
  }
}

/**
 * Text is rarely quoted in such files. While each line has as many fields as the first, each line is a record and a
 * lone quotation mark a letter.
 */
function readTabbed(path: string, text: string, form: Omit<Form, "quoted">): RawRecord[] {
  const lines = parseRecords(path, text, { ...form, quoted: false });
  if (lines.every(({ fields }) => fields.length === lines[0]!.fields.length)) {
    return lines.map(({ fields, line }) => ({ fields: fields.map(withoutQuotes), line }));
  }
  const records = parseRecords(path, text, { ...form, quoted: true });
  const swallowing = records.find((record) => holdsRows(record, "\t"));
  if (swallowing === undefined) return records;
  throw datasetError(
    path,
    swallowing.line,
    "the quoted field that ends here holds tabs and line breaks, so it may have swallowed rows; double a quotation mark that is a letter, and quote the field",
  );
}

function withoutQuotes(field: string): string {
  return /^"(?:[^"]|"")*"$/.test(field) ? field.slice(1, -1).replaceAll('""', '"') : field;
}

function readQuoted(
  path: string,
  text: string,
  { form, warn }: { form: Omit<Form, "quoted">; warn: Warn },
): RawRecord[] {
  const records = parseRecords(path, text, { ...form, quoted: true });
  const lines = records.filter((record) => holdsRows(record, form.delimiter)).map(({ line }) => line);
  if (lines.length > 0) {
    const name = delimiterNames[form.delimiter] ?? form.delimiter;
    warn(
      `${path}: a field of ${rowsText(lines)} holds line breaks and a ${name}; if a stray quotation mark swallowed rows there, double it`,
    );
  }
  return records;
}

function holdsRows({ fields }: RawRecord, delimiter: string): boolean {
  return fields.some((field) => field.includes(delimiter) && /[\r\n]/.test(field));
}

function nonEmptyText(path: string): string {
  const text = readTextFile(path);
  if (text.trim() === "") throw datasetError(path, undefined, "the file is empty; give a file with at least one row");
  return text;
}

function parseRecords(path: string, text: string, form: Form): RawRecord[] {
  try {
    return parseCsv(text, form);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // The library's message quotes the line, so only the library's code is passed on.
    const line = (error as CsvError & { lines?: number }).lines;
    const separated = `fields are separated by a ${delimiterNames[form.delimiter] ?? form.delimiter}`;
    throw datasetError(
      path,
      line,
      `the quoting is malformed (${error.code}; ${separated}); close every quote and double the quotes inside a quoted field`,
    );
  }
}

/** Lines end in CRLF or LF; blank lines are skipped. */
function parseCsv(text: string, { delimiter, quoted, fromLine = 1, maxRecords = -1 }: Form): RawRecord[] {
  const parsed = parse(text, {
    record_delimiter: ["\r\n", "\n"],
    delimiter,
    quote: quoted ? '"' : false,
    relax_column_count: true,
    skip_empty_lines: true,
    info: true,
    from_line: fromLine,
    to: maxRecords,
  }) as unknown as { record: string[]; info: { lines: number } }[];
  return parsed.map(({ record, info }) => ({ fields: record, line: info.lines }));
}
