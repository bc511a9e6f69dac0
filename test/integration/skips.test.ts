// Checks the summary at the end of a run of tests that this machine cannot run.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

function runWithoutData(variables: Readonly<Record<string, string>>): { status: number | null; output: string } {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const file = "packages/ml/src/encoder/bert-trained.test.ts";
  const args = [vitest, "run", "--config", "test/vitest.config.ts", "--project", "unit", file];
  const { VITEST: _, ATTUNE_REQUIRE_ALL: __, ...own } = process.env;
  const env = { ...own, ATTUNE_DATA: "/nonexistent", NO_COLOR: "1", ...variables };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

test("a skipped test is counted and listed with its reason at the end", () => {
  const { status, output } = runWithoutData({});
  expect(output).toMatch(/^1 skipped for what this machine lacks/m);
  expect(output).toMatch(/bert-trained\.test\.ts > a trained BERT-Tiny > .*: \/nonexistent\/.* does not exist/);
  expect(status).toBe(0);
});

test("with ATTUNE_REQUIRE_ALL=1 it fails", () => {
  const { status, output } = runWithoutData({ ATTUNE_REQUIRE_ALL: "1" });
  expect(output).toMatch(/\/nonexistent\/.* does not exist/);
  expect(status).toBe(1);
});
