// The long comparison of the scan with its twin, and the build of the scan from its source.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { expectSameOnDamage } from "../../../../test/golden/vocabulary-twin.js";
import { describeUnlessLacking, lackOfCommands } from "../../../../test/requirements.js";

test("a vocabulary is read or left exactly where JSON.parse reads it or does not, for 60,000 damaged texts", () => {
  expect(expectSameOnDamage(60_000)).toBeGreaterThan(5_000);
});

const kernels = fileURLToPath(new URL("../../kernels/", import.meta.url));

describeUnlessLacking("built anew", lackOfCommands("clang-19", "wasm-ld-19"), () => {
  test("the committed scan is what its source builds to", () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-vocabulary-"));
    try {
      const built = join(folder, "built.ts");
      execFileSync(process.execPath, [join(kernels, "tokenizer", "build.js"), built]);
      expect(readFileSync(built, "utf8")).toBe(readFileSync(new URL("vocabulary-wasm.ts", import.meta.url), "utf8"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
