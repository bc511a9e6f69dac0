// Compiles vocabulary.c into a module for the tokenizer: `node packages/ml/kernels/tokenizer/build.js [file]`. The same
// source gives the same bytes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? fileURLToPath(new URL("../../src/tokenizer/vocabulary-wasm.ts", import.meta.url));
const flags =
  "--target=wasm32 -O2 -std=gnu11 -nostdlib -ffreestanding -fvisibility=hidden -Wall -Wextra -Werror -Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=1024";

const scratch = mkdtempSync(join(tmpdir(), "attune-vocabulary-"));
try {
  const file = join(scratch, "vocabulary.wasm");
  execFileSync("clang-19", [...flags.split(" "), "vocabulary.c", "-o", file], { cwd: sources, stdio: "inherit" });
  const base64 = readFileSync(file).toString("base64");
  writeFileSync(
    target,
    `// packages/ml/kernels/tokenizer/vocabulary.c in WebAssembly, by packages/ml/kernels/tokenizer/build.js: base64.\n\nexport const vocabularyWasm =\n  "${base64}";\n`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
