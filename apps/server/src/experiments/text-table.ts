// A table's cells as lines for a terminal: ours, and the paper's number beside it in brackets.

import type { Baselines, Cell, TableResult } from "./outcome.js";

export function tableText({ table, split, cells }: TableResult, title: string): string {
  const columns = [...new Set(cells.map(({ column }) => column))];
  const rows = [...new Set(cells.map(({ row }) => row))];
  const grid = [
    ["", ...columns],
    ...rows.map((row) => [
      row,
      ...columns.map((column) => cellText(cells.find((cell) => cell.row === row && cell.column === column))),
    ]),
  ];
  const widths = grid[0]!.map((_, index) => Math.max(...grid.map((line) => [...line[index]!].length)));
  const lines = grid.map((line) =>
    line
      .map((text, index) => text.padEnd(widths[index]!))
      .join("  ")
      .trimEnd(),
  );
  const notes = [
    ...new Set(cells.filter(({ measured }) => measured === null).map(({ column, note }) => `  ${column}: ${note}`)),
  ];
  return [`${table} · ${title} (${split}; the paper's number in brackets)`, ...lines, ...notes, ""].join("\n");
}

export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return "";
  const paper = cell.paper === null ? "" : ` [${cell.paper}]`;
  const sd = cell.sd === null ? "" : ` ±${cell.sd.toFixed(3)}`;
  return `${valueText(cell.measured)}${sd}${paper}`;
}

export function valueText(value: Cell["measured"]): string {
  if (value === null) return "–";
  if (typeof value === "string" || Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.001 ? value.toExponential(1) : value.toFixed(3);
}

export function baselinesText({ bagOfWords, alwaysNeutral, randomFeatures }: Baselines): string {
  const line = (name: string, { measured, sd, reference }: Baselines["bagOfWords"]) =>
    `  ${name.padEnd(16)}  ${valueText(measured)}${sd === null ? "" : ` ±${sd.toFixed(3)}`}${reference === null ? "" : `  (measured elsewhere: ${reference})`}`;
  return [
    "Baselines, weighted F1 on the same rows:",
    line("bag of words", bagOfWords),
    line("always neutral", alwaysNeutral),
    line("random encoder", randomFeatures),
    "",
  ].join("\n");
}
