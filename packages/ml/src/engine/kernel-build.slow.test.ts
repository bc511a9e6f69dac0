import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeUnlessLacking, lackOfCommands } from "../../../../test/requirements.js";

const kernels = fileURLToPath(new URL("../../kernels/wasm/", import.meta.url));

describeUnlessLacking("built anew", lackOfCommands("clang-19", "wasm-ld-19"), () => {
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
});
