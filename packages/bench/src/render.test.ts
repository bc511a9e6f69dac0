import { expect, test } from "vitest";
import { renderPart } from "./render.js";
import type { HeadRow, Part } from "./results.js";

function cell(engine: string, features: number, medianMs: number | null): HeadRow {
  return { engine, features, samples: 200, medianMs, p90Ms: medianMs, ratioToBestPeer: null };
}

test("head training is a line a cell, with how much slower than ours each of the others is", () => {
  const rows = [cell("native", 32, 2), cell("wasm", 32, 3), cell("numpy", 32, 10), cell("native", 64, 4)];
  const part: Part = { name: "table10", cpu: "x", node: "v20", load: [0, 0], limits: [], notes: [], rows };
  const lines = renderPart(part)
    .split("\n")
    .filter((line) => line.startsWith("|"));
  expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
    "| features | samples | native | wasm | numpy |",
    expect.stringMatching(/^\| -+ \|/),
    "| 32 | 200 | 2.0 (2.0) | 3.0 (3.0) 1.5x | 10.0 (10.0) 5.0x |",
    "| 64 | 200 | 4.0 (4.0) | | |",
  ]);
});

test("an engine that is not built says so, and the others stand without a ratio", () => {
  const rows = [cell("native", 32, null), cell("wasm", 32, 3)];
  const part: Part = { name: "table10", cpu: "x", node: "v20", load: [0, 0], limits: [], notes: [], rows };
  expect(renderPart(part).replaceAll(/ +/g, " ")).toContain("| 32 | 200 | not built | 3.0 (3.0) |");
});

test("the limit is stated for every number of threads", () => {
  const limits = [
    { threads: 1, fp32: 90.4, int8: 140 },
    { threads: 2, fp32: 180, int8: 281.6 },
  ];
  const part: Part = { name: "table8", cpu: "x", node: "v20", load: [0, 0], limits, notes: [], rows: [] };
  expect(renderPart(part)).toContain(
    "\n\n- Limit on 1 thread: 90 GFLOP/s, 140 GOP/s in int8.\n- Limit on 2 threads: 180 GFLOP/s, 282 GOP/s in int8.",
  );
});
