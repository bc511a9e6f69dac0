// Builds the kernels' C source for other hosts: 64-bit Arm under an emulator, and AVX-512 with its instructions
// emulated. Builds it for this processor, too, under sanitizers and a fuzzer.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeUnlessLacking, lackOfCommands, lackOfProcessor } from "../../../../test/requirements.js";

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));
const addonBuild = fileURLToPath(new URL("../../../../apps/edge-agent/native/build.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "attune-kernels-"));
afterAll(() => rmSync(folder, { recursive: true }));

const hostFlags =
  { x64: ["-mavx2", "-mfma", "-mf16c", ...isa("avx2")], arm64: isa("neon") }[process.arch as string] ?? [];
const lacking = (...commands: string[]) => lackOfProcessor() ?? lackOfCommands(...commands);

function isa(name: string): string[] {
  return [`-DISA_HEADER="isa/${name}.h"`, "-DKERNELS=kernels"];
}

function compile(
  compiler: string,
  flags: readonly string[],
  { main, output }: { main: string; output: string },
): string {
  const file = join(folder, output);
  const all = [
    "-std=gnu11",
    "-fno-math-errno",
    ...flags,
    "-I.",
    "encoder/encoder.c",
    "threads/team.c",
    main,
    "-pthread",
    "-o",
    file,
  ];
  execFileSync(compiler, all, { cwd: kernels, stdio: ["ignore", "inherit", "inherit"] });
  return file;
}

const numbers = (command: string, args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26 })
    .trim()
    .split("\n")
    .map(Number);

/** Another processor's features may differ from this processor's by at most `worst`. */
const forms = [
  { form: "float32", format: "0", worst: 2e-5 },
  { form: "int8", format: "1", worst: 2e-3 },
  { form: "FP16", format: "2", worst: 2e-5 },
];

function expectWithin(worst: number, actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) {
    if (!(Math.abs(value - expected[i]!) < worst)) expect([i, value]).toEqual([i, expected[i]]);
  }
}

const arm = ["cc", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-nm", "qemu-aarch64"];
describeUnlessLacking("64-bit Arm", lacking(...arm), () => {
  const addon = join(folder, "attune-linux-arm64.node");
  const there = join(folder, "check-arm64");
  let here = "";
  // The addon is built as an install on that processor builds it, and a program of ours loads it. Its kernels run, its
  // Node-API functions do not.
  const run = (cpu: string, ...args: string[]) => ["-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, there, ...args];

  beforeAll(() => {
    here = compile("cc", ["-O2", ...hostFlags], { main: "check/check.c", output: "check-host" });
    const cross = "aarch64-linux-gnu-gcc";
    const program = [
      "-O2",
      "-std=gnu11",
      "-fno-math-errno",
      "-DADDON",
      "-I.",
      "check/check.c",
      "threads/team.c",
      "-o",
      there,
      "-ldl",
      "-pthread",
    ];
    execFileSync(cross, program, { cwd: kernels, stdio: ["ignore", "inherit", "inherit"] });
    execFileSync(process.execPath, [addonBuild, "--arch", "arm64", "--compiler", cross, "--output", folder]);
  });

  test("has an addon that lacks nothing but Node's own functions and the C library's", () => {
    const lacking = execFileSync("aarch64-linux-gnu-nm", ["-D", "--undefined-only", addon], { encoding: "utf8" });
    const names = lacking.trim().split("\n");
    expect(names.length).toBeGreaterThan(10);
    const known = /^\s*(U napi_\w+|U \w+@GLIBC_[\d.]+|w \S+)$/;
    expect(names.filter((name) => !known.test(name))).toEqual([]);
    const offered = execFileSync("aarch64-linux-gnu-nm", ["-D", "--defined-only", addon], { encoding: "utf8" });
    expect(offered).toContain("napi_register_module_v1");
  });

  test.each([
    ["max", "neon-dot neon"],
    ["cortex-a76", "neon-dot neon"],
    ["cortex-a53", "neon"],
  ])("on a %s chooses among: %s", (cpu, expected) => {
    const names = execFileSync("qemu-aarch64", run(cpu, "list", "1", addon), { encoding: "utf8" });
    expect(names.trim().split("\n").join(" ")).toBe(expected);
  });

  test.each(forms)(
    "gives this processor's features in $form, with and without the dot product",
    ({ format, worst }) => {
      const expected = numbers(here, [format, "1"]);
      const on = (threads: string, name: string) => numbers("qemu-aarch64", run("max", format, threads, addon, name));
      const [dot, plain] = [on("1", "neon-dot"), on("1", "neon")];
      expectWithin(worst, dot, expected);
      expect(plain).toEqual(dot);
      expect(on("3", "neon-dot")).toEqual(dot);
    },
  );
});

if (process.arch === "x64")
  describeUnlessLacking("on this processor", lacking("cc"), () => {
    test.each(forms)(
      "AVX-512 with VNNI, its instructions emulated, gives AVX2's features in $form",
      ({ format, worst }) => {
        const emulated = ["-include", "check/emulate-avx512.h", "-Wno-psabi", ...isa("avx512-vnni")];
        const flags = ["-O2", "-mavx2", "-mfma", "-mf16c"];
        const there = compile("cc", [...flags, ...emulated], { main: "check/check.c", output: "check-avx512" });
        const here = compile("cc", [...flags, ...isa("avx2")], { main: "check/check.c", output: "check-avx2" });
        const [actual, expected] = [numbers(there, [format, "1"]), numbers(here, [format, "1"])];
        expect(expected.length).toBeGreaterThan(1000);
        expectWithin(worst, actual, expected);
      },
    );
  });

const formats = ["0", "1", "2"];
describeUnlessLacking("a team", lacking("cc"), () => {
  test("threads compute the same bits, whatever their number: every architecture, odd sizes, one token", () => {
    const check = compile("cc", ["-O2", ...hostFlags], { main: "check/check.c", output: "check-threads" });
    for (const format of formats) {
      const alone = numbers(check, [format, "1"]);
      expect(alone.length).toBeGreaterThan(1000);
      for (const threads of ["2", "3", "7"]) expect(numbers(check, [format, threads])).toEqual(alone);
    }
  });
});

const sanitizer = "clang-19";
describeUnlessLacking("memory safety", lacking(sanitizer), () => {
  const flags = ["-g", "-O1", ...hostFlags];
  const stop = "-fno-sanitize-recover=all";

  test("the sanitizers find nothing in whole forwards", () => {
    const check = compile(sanitizer, ["-fsanitize=address,undefined", stop, ...flags], {
      main: "check/check.c",
      output: "check-san",
    });
    for (const format of formats) expect(numbers(check, [format, "3"]).every(Number.isFinite)).toBe(true);
  });

  test("no two threads of a team touch the same memory unordered", () => {
    const check = compile(sanitizer, ["-fsanitize=thread", ...flags], { main: "check/check.c", output: "check-race" });
    // A race makes the program end with a code of its own.
    for (const format of formats) expect(numbers(check, [format, "3"]).every(Number.isFinite)).toBe(true);
  });

  test("no configuration, tensor or text makes the kernels reach outside their memory", () => {
    const fuzz = compile(sanitizer, ["-fsanitize=fuzzer,address,undefined", stop, ...flags], {
      main: "check/fuzz.c",
      output: "fuzz",
    });
    const args = ["-max_total_time=8", "-len_control=1", "-max_len=2000", "-timeout=10", "-seed=1"];
    const { status, stderr } = spawnSync(fuzz, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
    expect(stderr).toContain("Done ");
    expect(status).toBe(0);
  });
});
