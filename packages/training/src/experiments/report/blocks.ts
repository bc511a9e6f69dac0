// Splits a table into parts that fit a page: columns that answer one question stand together, and each
// note names its places.

import type { Cell } from "../workbench/outcome.js";

export interface Block {
  /** The common beginning of its columns' names; empty for columns without one. */
  readonly name: string;
  readonly cells: readonly Cell[];
}

/** Columns that share their name up to the last comma become a block under it, and each keeps the rest of its name. */
export function blocksOf(cells: readonly Cell[]): Block[] {
  const prefixOf = (column: string) => column.slice(0, Math.max(0, column.lastIndexOf(", ")));
  const prefixes = namesOf(cells, "column").map(prefixOf);
  const blocks = new Map<string, Cell[]>([["", []]]);
  for (const cell of cells) {
    const prefix = prefixOf(cell.column);
    const isShared = prefix !== "" && prefixes.filter((other) => other === prefix).length > 1;
    const [name, column] = isShared ? [prefix, cell.column.slice(prefix.length + 2)] : ["", cell.column];
    append(blocks, name, { ...cell, column });
  }
  return [...blocks].filter(([, own]) => own.length > 0).map(([name, own]) => ({ name, cells: own }));
}

interface PlacedNotes {
  /** The rows and columns that the notes refer to. */
  readonly place: string;
  readonly notes: readonly string[];
}

/** Each note once, with notes on the same cells together. */
export function placedNotes(cells: readonly Cell[]): PlacedNotes[] {
  const noted = cells.filter((cell) => notesOf(cell).length > 0);
  const cellsByNote = new Map<string, Cell[]>();
  for (const cell of noted) for (const note of notesOf(cell)) append(cellsByNote, note, cell);
  const notesByPlace = new Map<string, string[]>();
  for (const [note, own] of cellsByNote) append(notesByPlace, placeText(own, noted), note);
  return [...notesByPlace].map(([place, notes]) => ({ place, notes }));
}

/** Notes on our number, then notes on the paper's. */
function notesOf({ notes, paperNotes }: Cell): string[] {
  return [...notes, ...paperNotes.map((note) => `paper: ${note}`)];
}

/** Names rows or columns, whichever is shorter. For a row that is meant in part, the columns follow. */
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

/** Names a run of neighbours by its first and last. */
function listText(names: readonly string[], all: readonly string[]): string {
  const [first, last] = [names[0]!, names.at(-1)!];
  const isRun = all.indexOf(last) - all.indexOf(first) === names.length - 1;
  return isRun && names.length > 3 ? `${first} … ${last}` : names.join(", ");
}

export function namesOf(cells: readonly Cell[], which: "row" | "column"): string[] {
  return [...new Set(cells.map((cell) => cell[which]))];
}

export function cellIn(cells: readonly Cell[], row: string, column: string): Cell | undefined {
  return cells.find((cell) => cell.row === row && cell.column === column);
}

function append<T>(lists: Map<string, T[]>, name: string, item: T): void {
  lists.set(name, [...(lists.get(name) ?? []), item]);
}
