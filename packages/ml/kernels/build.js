// Builds the WebAssembly kernels with Debian's clang-19 and lld-19: `node packages/ml/kernels/build.js [folder]`. Same sources, same bytes.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? sources;
const compiler = "clang-19";

const flags = [
  ..."--target=wasm32 -O3 -std=c11 -nostdlib -ffreestanding -fno-math-errno -ffp-contract=off -mbulk-memory".split(" "),
  ..."-fvisibility=hidden -Wall -Wextra -Werror -DKERNELS=attune_kernels -DHEAD_KERNELS=attune_head_kernels".split(" "),
  '-DISA_HEADER="isa-simd128.h"',
  ..."-Wl,--no-entry -Wl,--strip-all -Wl,-z,stack-size=65536".split(" "),
];
const builds = [
  { file: "attune-simd128.wasm", isa: ["-msimd128"] },
  { file: "attune-relaxed.wasm", isa: ["-msimd128", "-mrelaxed-simd"] },
];

mkdirSync(target, { recursive: true });
for (const { file, isa } of builds) {
  // Relative source names, so that no machine's path can get into the bytes.
  execFileSync(
    compiler,
    [...flags, ...isa, "encoder.c", "heads.c", "heads-call.c", "wasm.c", "-o", join(target, file)],
    {
      cwd: sources,
      stdio: "inherit",
    },
  );
}
