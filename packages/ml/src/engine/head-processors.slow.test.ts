// Builds the head kernels' C source for other hosts: for 64-bit Arm under an emulator, and for this processor under
// sanitizers and a fuzzer.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { describeUnlessLacking, lackOfCommands, lackOfProcessor } from "../../../../test/requirements.js";

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "attune-heads-"));
afterAll(() => rmSync(folder, { recursive: true }));

const host = { x64: ["avx2", "-mavx2", "-mfma"], arm64: ["neon"] }[process.arch as string] ?? [];
const lacking = (...commands: string[]) => lackOfProcessor() ?? lackOfCommands(...commands);

interface Build {
  readonly compiler: string;
  readonly isa: readonly string[];
  readonly main: string;
  readonly flags: readonly string[];
}

function compile({ compiler, isa: [name, ...processor], main, flags }: Build): string {
  const file = join(folder, `${basename(main)}-${name}-${flags.length}`);
  const isa = [...processor, `-DISA_HEADER="isa/${name}.h"`, "-DHEAD_KERNELS=head_kernels", "-ffp-contract=off"];
  const all = [
    "-std=gnu11",
    "-fno-math-errno",
    ...isa,
    ...flags,
    "-I.",
    "heads/heads.c",
    "heads/call.c",
    main,
    "-o",
    file,
  ];
  execFileSync(compiler, all, { cwd: kernels, stdio: ["ignore", "inherit", "inherit"] });
  return file;
}

const lines = (command: string, args: string[] = []) =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26 })
    .trim()
    .split("\n");

describeUnlessLacking("64-bit Arm", lacking("cc", "aarch64-linux-gnu-gcc", "qemu-aarch64"), () => {
  test("trains the same heads: hidden outputs to the last bit, all else within rounding", () => {
    const here = compile({ compiler: "cc", isa: host, main: "check/check-heads.c", flags: ["-O2"] });
    const cross = { compiler: "aarch64-linux-gnu-gcc", isa: ["neon"], main: "check/check-heads.c" };
    const expected = lines(here);
    const actual = lines("qemu-aarch64", [compile({ ...cross, flags: ["-O2", "-static"] })]);
    expect(actual.length).toBe(expected.length);
    const exact = expected.indexOf("inexact");
    expect(exact).toBeGreaterThan(4000);
    expect(actual.slice(0, exact + 1)).toEqual(expected.slice(0, exact + 1));
    for (const [i, line] of actual.entries()) {
      if (i <= exact) continue;
      const [value, wanted] = [Number(line), Number(expected[i])];
      if (!(Math.abs(value - wanted) <= 1e-6 * (1 + Math.abs(wanted)))) expect([i, value]).toEqual([i, wanted]);
    }
  });
});

const sanitizer = "clang-19";
describeUnlessLacking("memory safety", lacking(sanitizer), () => {
  const base = { compiler: sanitizer, isa: host, flags: ["-g", "-O1", "-fno-sanitize-recover=all"] };

  test("the sanitizers find nothing in whole calls", () => {
    const flags = [...base.flags, "-fsanitize=address,undefined"];
    expect(lines(compile({ ...base, main: "check/check-heads.c", flags })).length).toBeGreaterThan(20_000);
  });

  test("no numbers or arrays make the kernels reach outside the arrays, and none that are wrong are answered", () => {
    const flags = [...base.flags, "-fsanitize=fuzzer,address,undefined"];
    const fuzz = compile({ ...base, main: "check/fuzz-heads.c", flags });
    const args = ["-max_total_time=8", "-len_control=1", "-max_len=2000", "-timeout=10", "-seed=1"];
    const { status, stderr } = spawnSync(fuzz, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
    expect(stderr).toContain("Done ");
    expect(status).toBe(0);
  });
});
