// `attune bench` as a user runs it: the part that needs neither peer nor download.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const command = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
const run = (...argv: string[]) =>
  spawnSync(process.execPath, [command, "bench", ...argv], {
    encoding: "utf8",
    env: { ...process.env, ATTUNE_PYTHON: "/nowhere/python3" },
  });

test("--json prints one object, --out keeps it, --markdown fills a page; standard error says what is done", () => {
  const folder = mkdtempSync(join(tmpdir(), "attune-bench-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const page = join(folder, "page.md");
  writeFileSync(page, "before\n<!-- bench oselm -->\nold\n<!-- end bench -->\nafter\n");
  const { status, stdout, stderr } = run("oselm", "--json", "--out", join(folder, "results"), "--markdown", page);
  expect(status).toBe(0);
  const { table, cpu, limitGflops, rows } = JSON.parse(stdout);
  expect({ table, cpu, limitGflops }).toEqual({ table: "oselm", cpu: expect.any(String), limitGflops: null });
  const engines = rows.map((row: { engine: string }) => row.engine);
  expect(new Set(engines)).toEqual(new Set(["native", "wasm", "reference"]));
  for (const row of rows.filter((one: { engine: string }) => one.engine !== "native")) {
    expect(row.medianMs).toBeGreaterThan(0);
    expect(row.p90Ms).toBeGreaterThanOrEqual(row.medianMs);
    // There is no ratio without a peer.
    expect(row.ratioToBestPeer).toBeNull();
  }
  expect(JSON.parse(readFileSync(join(folder, "results", "oselm.json"), "utf8"))).toMatchObject({ name: "oselm", cpu });
  expect(readFileSync(page, "utf8")).toMatch(/^before\n<!-- bench oselm -->\n## [\s\S]*\| wasm [\s\S]*\nafter\n$/);
  expect(readFileSync(page, "utf8")).not.toContain("old");
  expect(stderr).toMatch(/ \d+% .*oselm: ELM: 1300 rows of 128 features, 512 hidden$/m);
}, 600_000);

test("an unknown part or option ends with code 2, as any wrong usage does, and is named", () => {
  const unknown = run("table12");
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toContain("PART table12 is not one of predict, table8,");
  const option = run("table8", "--peers");
  expect(option.status).toBe(2);
  expect(option.stderr).toContain("unknown option --peers");
});
