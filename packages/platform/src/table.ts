// Formats the tables of every list that a command prints: columns as wide as their widest cell, numbers to the right, no
// frames.
// The libraries for this draw frames, cut cells and bring dependencies; twenty lines serve lists that a person greps and pipes.

export type TableRow = Readonly<Record<string, string | number | null>>;

/** The first row names the columns. An unknown value is null and shown as a dash. */
export function tableLines(rows: readonly TableRow[]): string[] {
  const [first] = rows;
  if (first === undefined) return ["(none)"];
  const columns = Object.keys(first).map((name) => {
    const cells = rows.map((row) => (row[name] == null ? "–" : String(row[name])));
    const width = Math.max(...[name, ...cells].map(widthOf));
    const isNumber = rows.every((row) => typeof row[name] !== "string");
    return [name, ...cells].map((text) => pad(text, width, isNumber));
  });
  return [undefined, ...rows].map((_, line) =>
    columns
      .map((column) => column[line])
      .join("  ")
      .trimEnd(),
  );
}

/** The width in characters, not in UTF-16 units. */
const widthOf = (text: string): number => [...text].length;

function pad(text: string, width: number, toTheRight: boolean): string {
  const space = " ".repeat(width - widthOf(text));
  return toTheRight ? space + text : text + space;
}
