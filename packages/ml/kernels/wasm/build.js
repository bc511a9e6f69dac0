// Builds the WebAssembly kernels with Debian's clang-19 and lld-19: `node packages/ml/kernels/wasm/build.js [folder]`.
// Same sources give the same bytes.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("..", import.meta.url));
const target = process.argv[2] ?? join(sources, "wasm");
const compiler = "clang-19";

const flags = [
  ..."--target=wasm32 -O3 -std=c11 -nostdlib -ffreestanding -fno-math-errno -ffp-contract=off -mbulk-memory".split(" "),
  ..."-fvisibility=hidden -Wall -Wextra -Werror -DKERNELS=attune_kernels -DHEAD_KERNELS=attune_head_kernels".split(" "),
  '-DISA_HEADER="isa/simd128.h"',
  "-I.",
];
const linkFlags = "-Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536".split(" ");
const isas = [
  { name: "simd128", isa: ["-msimd128"] },
  { name: "relaxed", isa: ["-msimd128", "-mrelaxed-simd"] },
];
// Flags for encoders alone, on several threads. The host makes their memory: as large as needed, at least 4 pages. Each
// thread receives its own stack.
const sharing = [
  "shared-memory",
  "import-memory",
  "initial-memory=262144",
  "max-memory=4294967296",
  "export=__stack_pointer",
];
const threadFlags = ["-matomics", ...sharing.map((flag) => `-Wl,--${flag}`)];

// The source itself unrolls the heads' many small loops where that helps. More unrolling would double their
// bytes and gain nothing.
const headFlags = ["-O2", "-mllvm", "-unroll-runtime=0", "-fno-vectorize"];

mkdirSync(target, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), "attune-wasm-"));
const heads = join(scratch, "heads.o");
try {
  for (const { name, isa } of isas) {
    // Relative source names keep the machine's path out of the bytes.
    const run = (more) => execFileSync(compiler, [...flags, ...isa, ...more], { cwd: sources, stdio: "inherit" });
    run([...headFlags, "-c", "heads/heads.c", "-o", heads]);
    const link = (file, more) =>
      run([...linkFlags, "encoder/encoder.c", "wasm/exports.c", ...more, "-o", join(target, file)]);
    link(`attune-${name}.wasm`, ["heads/call.c", "wasm/exports-heads.c", heads]);
    link(`attune-${name}-threads.wasm`, ["threads/team-wasm.c", ...threadFlags]);
  }
} finally {
  rmSync(scratch, { recursive: true });
}
