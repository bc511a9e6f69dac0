// Reads any labelled CSV or TSV file through a mapping of its columns; the readers of published tables use it.

import { type DelimitedTable, readDelimited } from "./delimited.js";
import { type EmotionLabel, emotionLabels } from "./emotions.js";
import { datasetError } from "./text-file.js";
import { rowsText, type Warn } from "./warning.js";

export interface LabelledRow {
  readonly text: string;
  readonly label: EmotionLabel;
  /** Every label of a row with more than one; the first is `label`. */
  readonly labels?: readonly EmotionLabel[];
  readonly speaker?: string;
  /** The file's own name of the label, in lower case, if a mapping turned it into `label`. */
  readonly sourceLabel?: string;
  /** The line of the file on which the row ends, counted from 1. */
  readonly sourceLine: number;
}

/** The columns to read, by the names in the header. */
interface TableColumns {
  readonly text: string;
  readonly label: string;
  readonly speaker?: string;
  /** The speaker's column, read if the header has it. */
  readonly usualSpeaker?: string;
}

interface TableMapping extends TableColumns {
  /** Maps the file's own label names to the seven; a name without an entry is taken as it is. */
  readonly labelNames?: Readonly<Record<string, EmotionLabel>>;
  /** Refuses names that `labelNames` does not hold, even if they are among the seven. */
  readonly onlyMapped?: boolean;
}

/** A row under the file's own labels. */
export interface TableRow {
  readonly text: string;
  /** The label in lower case; may be empty. */
  readonly label: string;
  readonly speaker?: string;
  readonly sourceLine: number;
}

/**
 * Reads a table with a header line under the seven labels. Throws INVALID_DATASET, naming the file and
 * the line or column.
 */
export function readTable(path: string, mapping: TableMapping, warn: Warn): LabelledRow[] {
  return readColumns(path, mapping, warn).map(({ label: sourceLabel, ...row }) => {
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

/**
 * Reads a table with a header line under its own labels. Throws INVALID_DATASET, naming the file and
 * the line or column.
 */
export function readColumns(path: string, columns: TableColumns, warn: Warn): TableRow[] {
  const wanted = [columns.text, columns.label, ...(columns.speaker === undefined ? [] : [columns.speaker])];
  const table = readDelimited(path, wanted, warn);
  const names = table.header.fields.map((name) => name.trim());
  const columnOf = (name: string) => indexOfColumn(path, table, name);
  const textColumn = columnOf(columns.text);
  const labelColumn = columnOf(columns.label);
  const { speaker: speakerName = names.find((name) => name === columns.usualSpeaker) } = columns;
  const speakerColumn = speakerName === undefined ? undefined : columnOf(speakerName);
  if (table.rows.length === 0) {
    throw datasetError(path, undefined, "there is a header but no row; give a file with at least one row");
  }
  const labels: SpelledLabel[] = [];
  const rows = table.rows.map(({ fields, line }) => {
    if (fields.length !== names.length) {
      throw datasetError(
        path,
        line,
        `${fields.length} fields where the header has ${names.length}; quote fields that hold the delimiter, which is a ${table.delimiter}`,
      );
    }
    const text = fields[textColumn]!.trim();
    if (text === "") throw datasetError(path, line, `the column "${columns.text}" is empty; remove the line`);
    const spelled = fields[labelColumn]!.trim();
    labels.push({ spelled, line });
    const speaker = speakerColumn === undefined ? undefined : fields[speakerColumn]!.trim();
    return { text, label: spelled.toLowerCase(), sourceLine: line, ...(speaker ? { speaker } : {}) };
  });
  warnOfSpellings(path, labels, warn);
  return rows;
}

export interface SpelledLabel {
  readonly spelled: string;
  readonly line: number;
}

/** Warns of labels that differ only in case: labels are read in lower case, so these become one. */
export function warnOfSpellings(path: string, labels: readonly SpelledLabel[], warn: Warn): void {
  const first = new Map<string, string>();
  const lines = labels.flatMap(({ spelled, line }) => {
    const label = spelled.toLowerCase();
    if (!first.has(label)) first.set(label, spelled);
    return first.get(label) === spelled ? [] : [line];
  });
  if (lines.length === 0) return;
  warn(`${path}: the label of ${rowsText(lines)} differs from an earlier one in case alone; both are read as one`);
}

function indexOfColumn(path: string, { header, delimiter }: DelimitedTable, name: string): number {
  const names = header.fields.map((field) => field.trim());
  const index = names.indexOf(name);
  if (index < 0) {
    const form =
      names.length === 1
        ? "the header has no comma, semicolon, tab or bar"
        : `the header has ${names.length} columns, separated by a ${delimiter}`;
    throw datasetError(
      path,
      header.line,
      `the column "${name}" is missing; rename a column or map another with --columns (${form})`,
    );
  }
  if (names.lastIndexOf(name) === index) return index;
  throw datasetError(path, header.line, `the column "${name}" is there twice; rename one of them`);
}

function toLabel(name: string, { labelNames = {}, onlyMapped = false }: TableMapping): EmotionLabel | undefined {
  if (Object.hasOwn(labelNames, name)) return labelNames[name];
  return onlyMapped ? undefined : emotionLabels.find((label) => label === name);
}

function labelSet({ labelNames = {}, onlyMapped = false }: TableMapping): string[] {
  return [...new Set([...Object.keys(labelNames), ...(onlyMapped ? [] : emotionLabels)])];
}
