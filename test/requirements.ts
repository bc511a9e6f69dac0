// The needs of some tests beside Node and this tree. Tests are skipped for want of them with a reason, which the end of
// the run lists. ATTUNE_REQUIRE_ALL=1 makes a skip a failure.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";

/** ATTUNE_DATA, else the folder `shared/data` beside the checkout. */
export const dataFolder = process.env.ATTUNE_DATA ?? fileURLToPath(new URL("../../shared/data", import.meta.url));

/** Declares the tests of `body`, or one skipped test that says what is lacking. */
export function describeUnlessLacking(name: string, lacking: string | undefined, body: () => void): void {
  describe(name, () => {
    if (lacking === undefined) return body();
    test("is tested", ({ skip }) => {
      if (process.env.ATTUNE_REQUIRE_ALL === "1") throw new Error(`${lacking}, and ATTUNE_REQUIRE_ALL is set`);
      skip(lacking);
    });
  });
}

export function lackOfCommands(...commands: string[]): string | undefined {
  const absent = commands.filter((command) => spawnSync(command, ["--version"]).status !== 0);
  return absent.length === 0 ? undefined : `not installed: ${absent.join(", ")}`;
}

/** From OpenSSL 3 on, one command makes a certificate that another signed. */
export function lackOfOpenssl(): string | undefined {
  const { stdout } = spawnSync("openssl", ["version"], { encoding: "utf8" });
  return /^OpenSSL ([3-9]|\d\d)/.test(stdout ?? "") ? undefined : "not installed: openssl 3 or newer";
}

export function lackOfData(...paths: string[]): string | undefined {
  const absent = paths.map((path) => join(dataFolder, path)).find((path) => !existsSync(path));
  return absent === undefined ? undefined : `${absent} does not exist (ATTUNE_DATA names the data's folder)`;
}

export function lackOfRoot(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "only root can change the user";
}

/** The kernels are built for 64-bit Arm and for x86-64 with AVX2. */
export function lackOfProcessor(): string | undefined {
  const isBuiltFor =
    process.arch === "arm64" || (process.arch === "x64" && readFileSync("/proc/cpuinfo", "utf8").includes(" avx2 "));
  return isBuiltFor ? undefined : "this processor has no native kernels";
}

/** The addon as `npm ci` builds it where there is a C compiler. */
export function lackOfAddon(): string | undefined {
  const addon = `../apps/edge-agent/dist/native/attune-${process.platform}-${process.arch}.node`;
  if (existsSync(fileURLToPath(new URL(addon, import.meta.url)))) return lackOfProcessor();
  return "the native kernels are not built (node apps/edge-agent/native/build.js, with a C compiler)";
}
