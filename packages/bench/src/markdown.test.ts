import { readFileSync } from "node:fs";
import { partNames } from "@attune/server/bench-parts";
import { expect, test } from "vitest";
import { fillIn } from "./markdown.js";
import type { Part } from "./results.js";

const oselm: Part = {
  name: "oselm",
  cpu: "a processor",
  node: "v20",
  load: [1.04, 2],
  limits: [],
  notes: ["numpy is left out"],
  rows: [
    { engine: "native", task: "one update", medianMs: 0.02, p90Ms: 0.03, ratioToBestPeer: 3 },
    { engine: "wasm", task: "one update", medianMs: null, p90Ms: null, ratioToBestPeer: null },
  ],
};

test("a table takes the place of the former one, and the rest of the page stays", () => {
  const page =
    "before\n<!-- bench oselm -->\nold\n<!-- end bench -->\nafter <!-- bench table8 -->\nkept\n<!-- end bench -->\n";
  const filled = fillIn(page, [oselm]);
  expect(filled).toMatch(/^before\n<!-- bench oselm -->\n## /);
  expect(filled).not.toContain("old");
  expect(filled).toContain("after <!-- bench table8 -->\nkept\n<!-- end bench -->\n");
  expect(fillIn(filled, [oselm])).toBe(filled);
});

test("a table says the machine and its load, what was left out, and what is not built", () => {
  const filled = fillIn("<!-- bench oselm -->\n<!-- end bench -->", [oselm]);
  expect(filled).toContain("a processor, Node v20; load average 1.0 before, 2.0 after.\n\n- Numpy is left out.");
  expect(filled).toMatch(/\| wasm +\| one update \| not built \| +\| +\|/);
});

test("a page without a place for the table is refused, by the comment that it lacks", () => {
  expect(() => fillIn("", [oselm])).toThrow("<!-- bench oselm -->");
});

test("the page of the repository has a place for every part and for the goals", () => {
  const page = readFileSync(new URL("../../../docs/performance.md", import.meta.url), "utf8");
  for (const name of [...partNames, "goals"]) expect(page).toContain(`<!-- bench ${name} -->`);
});
