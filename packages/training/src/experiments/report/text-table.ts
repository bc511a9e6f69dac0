// Writes a table as lines for a terminal: our number with the paper's in brackets, and below each note
// once and the baselines.

import { textTable } from "@attune/platform/table";
import { randomReferenceShape } from "../paper.js";
import type { Baselines, Cell, TableResult } from "../workbench/outcome.js";
import { type Block, blocksOf, cellIn, namesOf, placedNotes } from "./blocks.js";

export function tableText({ table, split, cells }: TableResult, title: string, baselines: Baselines): string {
  const blocks = blocksOf(cells).flatMap((block) => ["", ...gridLines(block), ...noteLines(block.cells)]);
  const paper = cells.some((cell) => cell.paper !== null) ? "; the paper's number in brackets" : "";
  const heading = `${table} · ${title} (${split}${paper})`;
  return [heading, ...blocks.slice(1), "", baselinesText(baselines), ""].join("\n");
}

function gridLines({ name, cells }: Block): string[] {
  const columns = namesOf(cells, "column");
  const grid = [
    [name, ...columns],
    ...namesOf(cells, "row").map((row) => [row, ...columns.map((column) => cellText(cellIn(cells, row, column)))]),
  ];
  return textTable(grid);
}

function noteLines(cells: readonly Cell[]): string[] {
  return placedNotes(cells).map(({ place, notes }) => `  ${place}: ${notes.join("; ")}`);
}

function cellText(cell: Cell | undefined): string {
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

/** `of` names the measured object if it differs from the one here. */
export function elsewhere(reference: number | null, of?: string): string {
  if (reference === null) return "";
  return ` (${of === undefined ? "measured elsewhere" : `${of}, elsewhere`}: ${reference})`;
}
