import { expect, test } from "vitest";
import { type EncoderRow, type Part, ratioToBest, toJson } from "./results.js";

const row: EncoderRow = {
  engine: "native",
  model: "tiny",
  dtype: "int8",
  threads: 1,
  tokens: "32",
  medianMs: 0.1,
  p90Ms: 0.2,
  shareOfLimit: 0.5,
  ratioToBestPeer: 2,
};

test("--json is the table's name, the processor, its limits by format and the rows, and nothing else", () => {
  const limits = [
    { threads: 1, fp32: 90, int8: 140 },
    { threads: 2, fp32: 180, int8: 280 },
  ];
  const part: Part = {
    name: "table8",
    cpu: "a processor",
    node: "v20",
    load: [1, 1],
    limits,
    notes: ["x"],
    rows: [row],
  };
  expect(toJson(part)).toEqual({ table: "table8", cpu: "a processor", limitGflops: 90, limits, rows: [row] });
});

test("the ratio is the fastest peer's median over ours", () => {
  expect(ratioToBest(2, [8, 3, 5])).toBe(1.5);
});

test("there is no ratio without a peer, without ours, or to a peer that has nothing to time", () => {
  expect(ratioToBest(2, [])).toBeNull();
  expect(ratioToBest(null, [3])).toBeNull();
  expect(ratioToBest(2, [null, 4])).toBe(2);
});
