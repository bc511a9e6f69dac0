// Formats every table that a command prints: columns as wide as their widest cell, numbers to the right, no frames.

/** Rows of text, the names of the columns first. */
type Grid = readonly (readonly string[])[];
type TableRow = Readonly<Record<string, string | number | null>>;

/** A list of objects as lines. The first row names the columns. An unknown value is null and shown as a dash. */
export function tableLines(rows: readonly TableRow[]): string[] {
  const [first] = rows;
  if (first === undefined) return ["(none)"];
  const names = Object.keys(first);
  return textTable([names, ...rows.map((row) => names.map((name) => String(row[name] ?? noValue)))]);
}

export const noValue = "–";

export function textTable(grid: Grid): string[] {
  return aligned(grid).map((cells) => cells.join("  ").trimEnd());
}

/** A table for a page, with a rule below the names. */
export function markdownTable(grid: Grid): string[] {
  const [head = [], ...rows] = aligned(grid).map((cells) => `| ${cells.join(" | ")} |`);
  return [String(head), String(head).replace(/[^|]+/g, (cell) => ` ${"-".repeat(widthOf(cell) - 2)} `), ...rows];
}

/** The same cells, each as wide as its column. */
function aligned(grid: Grid): string[][] {
  const [names = []] = grid;
  const columns = names.map((_, index) => {
    const cells = grid.map((row) => row[index] ?? "");
    const width = Math.max(...cells.map(widthOf));
    const isNumber = cells.slice(1).every((cell) => numberLike.test(cell));
    return cells.map((cell) => pad(cell, width, isNumber));
  });
  return grid.map((_, line) => columns.map((column) => column[line] as string));
}

/** A number with what belongs to it ("0.500 ±0.010 [0.507]", "12 ms", "60%", "1.50x"), or no value. */
const numberLike = /^(–?|[-−]?\d[\d,]*(\.\d+)?(e[-+]\d+)?([%x]|\/\d+)?( .*)?)$/;

/** The width in characters, not in UTF-16 units. */
const widthOf = (text: string): number => [...text].length;

function pad(text: string, width: number, toTheRight: boolean): string {
  const space = " ".repeat(width - widthOf(text));
  return toTheRight ? space + text : text + space;
}
