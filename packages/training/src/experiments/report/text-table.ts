// A table as lines for a terminal: ours, the paper's number beside it in brackets, below it each note once and the baselines.

import { randomReferenceShape } from "../paper.js";
import type { Baselines, Cell, TableResult } from "../workbench/outcome.js";

export function tableText({ table, split, cells }: TableResult, title: string, baselines: Baselines): string {
  const blocks = blocksOf(cells).flatMap(([name, own]) => ["", ...gridLines(name, own), ...noteLines(own)]);
  const paper = cells.some((cell) => cell.paper !== null) ? "; the paper's number in brackets" : "";
  const heading = `${table} · ${title} (${split}${paper})`;
  return [heading, ...blocks.slice(1), "", baselinesText(baselines), ""].join("\n");
}

/** Columns that share what stands before their last comma get a block of their own under that name: side by side they fit no terminal. */
function blocksOf(cells: readonly Cell[]): [string, Cell[]][] {
  const prefixOf = (column: string) => column.slice(0, Math.max(0, column.lastIndexOf(", ")));
  const prefixes = namesOf(cells, "column").map(prefixOf);
  const blocks = new Map<string, Cell[]>([["", []]]);
  for (const cell of cells) {
    const prefix = prefixOf(cell.column);
    const isShared = prefix !== "" && prefixes.filter((other) => other === prefix).length > 1;
    const [name, column] = isShared ? [prefix, cell.column.slice(prefix.length + 2)] : ["", cell.column];
    append(blocks, name, { ...cell, column });
  }
  return [...blocks].filter(([, own]) => own.length > 0);
}

function gridLines(name: string, cells: readonly Cell[]): string[] {
  const columns = namesOf(cells, "column");
  const find = (row: string, column: string) => cells.find((cell) => cell.row === row && cell.column === column);
  const grid = [
    [name, ...columns],
    ...namesOf(cells, "row").map((row) => [row, ...columns.map((column) => cellText(find(row, column)))]),
  ];
  const widths = grid[0]!.map((_, index) => Math.max(...grid.map((line) => [...line[index]!].length)));
  return grid.map((line) =>
    line
      .map((text, index) => text.padEnd(widths[index]!))
      .join("  ")
      .trimEnd(),
  );
}

/** Notes after the places they are true of. */
function noteLines(cells: readonly Cell[]): string[] {
  const places = new Map<string, Cell[]>();
  const noted = cells.filter(({ note }) => note !== "");
  for (const cell of noted) for (const note of cell.note.split("; ")) append(places, note, cell);
  const lines = new Map<string, string>();
  for (const [note, own] of places) {
    const place = placeText(own, noted);
    const before = lines.get(place);
    lines.set(place, before === undefined ? `  ${place}: ${note}` : `${before}; ${note}`);
  }
  return [...lines.values()];
}

/** By rows or by columns, whichever is shorter; one of which not all cells are meant is followed by those that are. */
function placeText(cells: readonly Cell[], all: readonly Cell[]): string {
  const by = (one: "row" | "column", other: "row" | "column") => {
    const parts = namesOf(cells, one).map((name) => {
      const own = cells.filter((cell) => cell[one] === name).map((cell) => cell[other]);
      const isWhole = own.length === all.filter((cell) => cell[one] === name).length;
      return isWhole ? { name } : { name, own: listText(own, namesOf(all, other)) };
    });
    if (parts.every(({ own }) => own === undefined)) {
      return listText(
        parts.map(({ name }) => name),
        namesOf(all, one),
      );
    }
    return parts.map(({ name, own }) => (own === undefined ? name : `${name} · ${own}`)).join("; ");
  };
  const [rows, columns] = [by("row", "column"), by("column", "row")];
  return columns.length < rows.length ? columns : rows;
}

/** Many that follow each other by the first and the last. */
function listText(names: readonly string[], all: readonly string[]): string {
  const [first, last] = [names[0]!, names.at(-1)!];
  const isRun = all.indexOf(last) - all.indexOf(first) === names.length - 1;
  return isRun && names.length > 3 ? `${first} … ${last}` : names.join(", ");
}

function namesOf(cells: readonly Cell[], which: "row" | "column"): string[] {
  return [...new Set(cells.map((cell) => cell[which]))];
}

function append<T>(lists: Map<string, T[]>, name: string, item: T): void {
  lists.set(name, [...(lists.get(name) ?? []), item]);
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

function baselinesText({ bagOfWords, alwaysNeutral, randomFeatures }: Baselines): string {
  const text = (name: string, { measured, sd, reference }: Baselines["bagOfWords"], of?: string) =>
    `${name} ${valueText(measured)}${sd === null ? "" : ` ±${sd.toFixed(3)}`}${elsewhere(reference, of)}`;
  const lines = [
    text("bag of words", bagOfWords),
    text(`always ${alwaysNeutral.label}`, alwaysNeutral),
    text("random encoder", randomFeatures, randomReferenceShape),
  ];
  return `Baselines, weighted F1: ${lines.join(" · ")}`;
}

/** `of`: what was measured, where it is not the same as here. */
export function elsewhere(reference: number | null, of?: string): string {
  if (reference === null) return "";
  return ` (${of === undefined ? "measured elsewhere" : `${of}, elsewhere`}: ${reference})`;
}
