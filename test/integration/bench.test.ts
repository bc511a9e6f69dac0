// `attune bench` as a user runs it: the part that needs no peer and no download.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const command = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
const run = (...argv: string[]) =>
  spawnSync(process.execPath, [command, "bench", ...argv], {
    encoding: "utf8",
    env: { ...process.env, ATTUNE_PYTHON: "/nowhere/python3" },
  });

test("--json prints one object, and standard error what is done and how long it takes", () => {
  const { status, stdout, stderr } = run("oselm", "--json");
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
  expect(stderr).toMatch(/^oselm: ELM: 1300 rows of 128 features, 512 hidden, \d+%/m);
}, 600_000);

test("an unknown part or option ends with code 2 and names what there is", () => {
  const unknown = run("table12");
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toContain("table12 is none of predict, table8,");
  const option = run("table8", "--peers");
  expect(option.status).toBe(2);
  expect(option.stderr).toContain("'--peers'");
});
