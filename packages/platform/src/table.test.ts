// Every table of every command has one look.

import { expect, test } from "vitest";
import { markdownTable, tableLines, textTable } from "./table.js";

test("columns are as wide as their widest cell, text to the left and numbers to the right", () => {
  expect(
    textTable([
      ["person", "version", "F1", "time"],
      ["Zoë", "1.0.0", "0.5 ±0.01 [0.507]", "12 ms"],
      ["Maximilian", "10.0.0", "–", "9.50 ms"],
    ]),
  ).toEqual([
    "person      version                 F1     time",
    "Zoë         1.0.0    0.5 ±0.01 [0.507]    12 ms",
    "Maximilian  10.0.0                   –  9.50 ms",
  ]);
});

test("a list shows a dash for no value, and says where it is empty", () => {
  expect(tableLines([])).toEqual(["(none)"]);
  expect(
    tableLines([
      { fleet: "home", devices: 12 },
      { fleet: "work", devices: null },
    ]),
  ).toEqual(["fleet  devices", "home        12", "work         –"]);
});

test("a page's table has a rule below its names", () => {
  expect(
    markdownTable([
      ["engine", "ms"],
      ["native", "1.20"],
    ]),
  ).toEqual(["| engine |   ms |", "| ------ | ---- |", "| native | 1.20 |"]);
});
