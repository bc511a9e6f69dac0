// The files that a build of the native kernels leaves behind, and those that a daemon finds which starts meanwhile.
// Unoptimised, for no flag is tested here.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { describeUnlessLacking, lackOfCommands, lackOfProcessor } from "../../../../test/requirements.js";
import { loadNativeAddon } from "./native-engine.js";

const build = fileURLToPath(new URL("../../native/build.js", import.meta.url));
const name = `attune-${process.platform}-${process.arch}.node`;
const folder = mkdtempSync(join(tmpdir(), "attune-native-build-"));
const [addon, log, compiler] = [name, "log", "compiler"].map((file) => join(folder, file)) as [string, string, string];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function buildWith(script: string) {
  writeFileSync(compiler, `#!/bin/sh\n${script}\n`);
  chmodSync(compiler, 0o755);
  const { status, stderr } = spawnSync(
    process.execPath,
    [build, "--arch", process.arch, "--compiler", compiler, "--output", folder],
    { encoding: "utf8" },
  );
  return { status, stderr };
}

describeUnlessLacking("a build", lackOfProcessor() ?? lackOfCommands("cc"), () => {
  test("leaves the addon of before where it is until the new one takes its place", () => {
    writeFileSync(addon, "of before");
    writeFileSync(join(folder, "not-built.txt"), "of before");
    const { status, stderr } = buildWith(`head -c 9 '${addon}' >> '${log}'; echo >> '${log}'; exec cc "$@" -O0`);
    expect(stderr).toContain("Built the native kernels");
    expect(status).toBe(0);
    const seen = readFileSync(log, "utf8").trim().split("\n");
    expect(seen.length).toBeGreaterThan(5);
    expect(new Set(seen)).toEqual(new Set(["of before"]));
    expect(typeof loadNativeAddon(addon).createEncoder).toBe("function");
    expect(readdirSync(folder).sort()).toEqual([name, "compiler", "log"].sort());
  });
});

test("a build that fails takes away the addon of before, and leaves word why", () => {
  writeFileSync(addon, "of before");
  const { status } = buildWith('test "$1" = --version');
  expect(status).toBe(1);
  const word = readFileSync(join(folder, "not-built.txt"), "utf8");
  expect(word).not.toBe("");
  expect(() => loadNativeAddon(addon)).toThrow(`they were not built: ${word}`);
});
