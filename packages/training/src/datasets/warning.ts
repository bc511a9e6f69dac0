// Writes a reader's warnings about rows that are not taken as they stand: how many, and the lines of the first of them.

/** `text` is a sentence that names the file and never quotes a row. */
export type Warn = (text: string) => void;

const maxLines = 3;

/** `2 rows (lines 5, 9)`, `40 rows (first lines 5, 9, 12)`. */
export function rowsText(lines: readonly number[]): string {
  const [count, first] = [lines.length, lines.slice(0, maxLines).join(", ")];
  if (count === 1) return `1 row (line ${first})`;
  return `${count} rows (${count > maxLines ? "first lines" : "lines"} ${first})`;
}
