import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));
const compiler = spawnSync("clang-19", ["--version"], { encoding: "utf8" });
const linker = spawnSync("wasm-ld-19", ["--version"]);

if (compiler.status === 0 && linker.status === 0) {
  test("the committed WebAssembly is what its sources build to, byte for byte", () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-kernels-"));
    try {
      execFileSync(process.execPath, [join(kernels, "build.js"), folder], { stdio: ["ignore", "inherit", "inherit"] });
      const committed = readdirSync(kernels).filter((name) => name.endsWith(".wasm"));
      expect(readdirSync(folder).sort()).toEqual(committed.sort());
      expect(committed.length).toBe(4);
      for (const file of committed) {
        expect(readFileSync(join(folder, file)).equals(readFileSync(join(kernels, file)))).toBe(true);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
} else {
  test("the committed WebAssembly is not compared with its sources here: clang-19 and lld-19 are not installed", () => {
    process.stderr.write("The WebAssembly kernels were not rebuilt and compared: install clang-19 and lld-19.\n");
    expect(compiler.status === 0 && linker.status === 0).toBe(false);
  });
}
