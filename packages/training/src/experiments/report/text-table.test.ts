// Tables for a terminal: the numbers side by side, and the notes below.

import { expect, test } from "vitest";
import type { Baselines, Cell } from "../workbench/outcome.js";
import { tableText } from "./text-table.js";

const baseline = { measured: 0.25, sd: null, n: 1, reference: null };
const baselines = {
  bagOfWords: { ...baseline, measured: 0.518, reference: 0.51 },
  alwaysNeutral: { ...baseline, label: "neutral" },
  randomFeatures: { ...baseline, measured: 0.481, sd: 0.007, reference: 0.446 },
} satisfies Baselines & { alwaysNeutral: { label: string } };

const cell = (row: string, column: string, more: Partial<Cell> = {}): Cell => ({
  row,
  column,
  paper: null,
  measured: 0.5,
  sd: null,
  n: 1,
  notes: [],
  paperNotes: [],
  ...more,
});
const missing = (row: string, column: string, note: string) =>
  cell(row, column, { measured: null, n: 0, notes: [note] });

function linesOf(...cells: Cell[]): string[] {
  return tableText({ table: "table6", split: "dev", cells }, "After PCA", baselines).split("\n");
}

test("Every table has the baselines below it, and says whose random encoders another number is of", () => {
  expect(linesOf(cell("ours", "Linear", { sd: 0.01, paper: 0.507 }))).toEqual([
    "table6 · After PCA (dev; the paper's number in brackets)",
    "                    Linear",
    "ours  0.500 ±0.010 [0.507]",
    "",
    "Baselines, weighted F1: bag of words 0.518 (measured elsewhere: 0.51) · always neutral 0.250 · random encoder 0.481 ±0.007 (BERT-Tiny's shape, mean-pooled, elsewhere: 0.446)",
    "",
  ]);
});

test("A note is printed once, with the rows or columns that it is of", () => {
  const rows = ["BERT-Tiny 128", "BERT-Tiny PCA 64", "BERT-Tiny PCA 32", "BERT-Tiny PCA 16"];
  const columns = ["Linear", "ELM"];
  const notes = (from: number) =>
    linesOf(
      cell("ours", "Linear", { notes: ["chosen: l2 0.01"], paperNotes: ["BERT-Tiny"] }),
      cell("ours", "ELM", { notes: ["singular: 1000 units, l2 0"], paperNotes: ["BERT-Tiny"] }),
      ...rows.slice(from).flatMap((row) => columns.map((column) => missing(row, column, "no checkpoint given"))),
    ).filter((line) => line.startsWith("  ") && line.includes(": "));
  expect(notes(2)).toEqual([
    "  ours · Linear: chosen: l2 0.01",
    "  ours: paper: BERT-Tiny",
    "  ours · ELM: singular: 1000 units, l2 0",
    "  BERT-Tiny PCA 32, BERT-Tiny PCA 16: no checkpoint given",
  ]);
  expect(notes(0).at(-1)).toBe("  BERT-Tiny 128 … BERT-Tiny PCA 16: no checkpoint given");
  const whole = linesOf(missing("joy", "Test", "no test"), missing("fear", "Test", "no test"), cell("joy", "Dev"));
  expect(whole).toContain("  Test: no test");
});

test("Columns of one start stand in a block of their own", () => {
  const lines = linesOf(
    cell("Joey", "All"),
    cell("Joey", "scratch, 25"),
    cell("Joey", "scratch, All"),
    cell("Joey", "prior, own biases, 25", { notes: ["better"] }),
    cell("Joey", "prior, own biases, All"),
    cell("Joey", "bag of words, everyone's rows"),
  );
  expect(lines.slice(1, -2)).toEqual([
    "        All  bag of words, everyone's rows",
    "Joey  0.500                          0.500",
    "",
    "scratch     25    All",
    "Joey     0.500  0.500",
    "",
    "prior, own biases     25    All",
    "Joey               0.500  0.500",
    "  25: better",
    "",
  ]);
});
