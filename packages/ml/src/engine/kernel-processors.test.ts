// The kernels' C source built for other hosts than this test's: 64-bit Arm under an emulator, and this processor under sanitizers and a fuzzer.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "attune-kernels-"));
afterAll(() => rmSync(folder, { recursive: true }));

const has = (...commands: string[]) =>
  commands.filter((command) => spawnSync(command, ["--version"]).status !== 0).length === 0;
const hostFlags = { x64: ["-mavx2", "-mfma", "-mf16c", ...isa("avx2")], arm64: isa("neon") }[process.arch as string];
const canRunHost = process.arch !== "x64" || spawnSync("grep", ["-q", "avx2.*", "/proc/cpuinfo"]).status === 0;

function isa(name: string): string[] {
  return [`-DISA_HEADER="isa-${name}.h"`, "-DKERNELS=kernels"];
}

function compile(
  compiler: string,
  flags: readonly string[],
  { main, output }: { main: string; output: string },
): string {
  const file = join(folder, output);
  const all = ["-std=gnu11", "-fno-math-errno", ...flags, "encoder.c", main, "-o", file];
  execFileSync(compiler, all, { cwd: kernels, stdio: ["ignore", "inherit", "inherit"] });
  return file;
}

const numbers = (command: string, args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 26 })
    .trim()
    .split("\n")
    .map(Number);

function missing(what: string, needed: string): void {
  test(`${what} is not checked here: ${needed} is not installed, or this processor has no kernels`, () => {
    process.stderr.write(`${what} was not checked: install ${needed}.\n`);
    expect(hostFlags !== undefined && canRunHost && has(...needed.split(", "))).toBe(false);
  });
}

const arm = "cc, aarch64-linux-gnu-gcc, qemu-aarch64";
if (hostFlags !== undefined && canRunHost && has(...arm.split(", "))) {
  test.each([
    ["float32", 0, 2e-5],
    ["int8", 1, 2e-3],
    ["FP16", 2, 2e-5],
  ])(
    "64-bit Arm gives this processor's features in %s",
    (_, format, worst) => {
      const here = compile("cc", ["-O2", ...hostFlags], { main: "check.c", output: "check-host" });
      const there = compile("aarch64-linux-gnu-gcc", ["-O2", "-static", ...isa("neon")], {
        main: "check.c",
        output: "check-arm64",
      });
      const expected = numbers(here, [`${format}`]);
      const actual = numbers("qemu-aarch64", [there, `${format}`]);
      expect(actual.length).toBe(expected.length);
      for (const [i, value] of actual.entries()) {
        if (!(Math.abs(value - expected[i]!) < worst)) expect([i, value]).toEqual([i, expected[i]]);
      }
    },
    120_000,
  );
} else {
  missing("64-bit Arm", arm);
}

const sanitizer = "clang-19";
if (hostFlags !== undefined && canRunHost && has(sanitizer)) {
  const flags = ["-g", "-O1", "-fno-sanitize-recover=all", ...hostFlags];

  test("the sanitizers find nothing in whole forwards", () => {
    const check = compile(sanitizer, ["-fsanitize=address,undefined", ...flags], {
      main: "check.c",
      output: "check-san",
    });
    for (const format of ["0", "1", "2"]) expect(numbers(check, [format]).every(Number.isFinite)).toBe(true);
  }, 120_000);

  test("no configuration, tensor or text makes the kernels reach outside their memory", () => {
    const fuzz = compile(sanitizer, ["-fsanitize=fuzzer,address,undefined", ...flags], {
      main: "fuzz.c",
      output: "fuzz",
    });
    const args = ["-max_total_time=8", "-len_control=1", "-max_len=2000", "-timeout=10", "-seed=1"];
    const { status, stderr } = spawnSync(fuzz, args, { cwd: folder, encoding: "utf8", maxBuffer: 2 ** 26 });
    expect(stderr).toContain("Done ");
    expect(status).toBe(0);
  }, 120_000);
} else {
  missing("Memory safety", sanitizer);
}
