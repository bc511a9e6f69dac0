// Builds the native kernels for this machine where a C compiler is found: `node apps/edge-agent/native/build.js`, also
// at npm's install. It never fails: without a compiler, headers or a known processor the daemon runs the same kernels
// in WebAssembly. For another processor: `build.js --arch arm64 --compiler aarch64-linux-gnu-gcc --output folder`,
// which does fail where it cannot.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  findCompiler,
  nodeApiHeaders,
  sharedLibrary,
  systemCompilers,
} from "../../../packages/ml/kernels/node/toolchain.js";

const kernels = fileURLToPath(new URL("../../../packages/ml/kernels/", import.meta.url));
const { values: options } = parseArgs({
  options: { arch: { type: "string" }, compiler: { type: "string" }, output: { type: "string" } },
});
const arch = options.arch ?? process.arch;
const compilers = options.compiler === undefined ? systemCompilers : [options.compiler];
const folder = options.output ?? fileURLToPath(new URL("../dist/native/", import.meta.url));
const target = join(folder, `attune-${process.platform}-${arch}.node`);
const isas = {
  x64: [
    { name: "avx2", flags: ["-mavx2", "-mfma", "-mf16c"] },
    {
      name: "avx512-vnni",
      flags: ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni"],
    },
  ],
  arm64: [
    { name: "neon", flags: [] },
    { name: "neon-dot", flags: ["-march=armv8.2-a+dotprod"] },
  ],
}[arch];

function build(scratch) {
  if (isas === undefined || !["linux", "darwin"].includes(process.platform)) {
    return `there are no native kernels for ${process.platform}-${arch}`;
  }
  const include = nodeApiHeaders(import.meta.url);
  if (include === undefined) return "Node-API's headers are missing";
  const compiler = findCompiler(compilers);
  if (compiler === undefined) return "no C compiler was found";
  const flags = ["-O3", "-std=gnu11", "-I.", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-ffp-contract=fast"];
  const compile = (source, output, more) => {
    const result = spawnSync(compiler, [...flags, ...more, "-c", source, "-o", join(scratch, output)], {
      cwd: kernels,
      encoding: "utf8",
    });
    if (result.status !== 0) throw new Error(`${compiler} refused ${source}: ${result.stderr.split("\n")[0]}`);
    return join(scratch, output);
  };
  const objects = isas.map(({ name, flags: isa }) =>
    compile("encoder/encoder.c", `${name}.o`, [
      ...isa,
      `-DISA_HEADER="isa/${name}.h"`,
      `-DKERNELS=attune_${name.replaceAll("-", "_")}`,
    ]),
  );
  // Heads gain little from wider vectors: one instruction set is enough. Nothing may be fused that is
  // not written so (vector-double.h).
  const { name, flags: isa } = isas[0];
  const heads = [...isa, "-ffp-contract=off", `-DISA_HEADER="isa/${name}.h"`, `-DHEAD_KERNELS=attune_heads_${name}`];
  objects.push(compile("heads/heads.c", "heads.o", heads), compile("heads/call.c", "heads-call.o", []));
  objects.push(compile("node/choose.c", "choose.o", []), compile("threads/team.c", "team.o", []));
  objects.push(
    compile("node/addon.c", "addon.o", [`-I${include}`]),
    compile("node/addon-heads.c", "addon-heads.o", [`-I${include}`]),
    compile("node/addon-memory.c", "addon-memory.o", [`-I${include}`]),
  );
  const linked = spawnSync(compiler, [...sharedLibrary, "-pthread", ...objects, "-o", join(scratch, "attune.node")], {
    encoding: "utf8",
  });
  if (linked.status !== 0) throw new Error(`${compiler} could not link: ${linked.stderr.split("\n")[0]}`);
  // Renamed into place, so that no daemon ever loads half a file, or finds none during a build.
  renameSync(join(scratch, "attune.node"), target);
  return undefined;
}

/** Undefined on success, else why there are no native kernels. */
function tryBuild() {
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(folder, "part-"));
  try {
    return build(scratch);
  } catch (error) {
    return error.message;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const why = tryBuild();
const word = join(folder, "not-built.txt");
if (why === undefined) rmSync(word, { force: true });
else {
  rmSync(target, { force: true }); // an addon of another version would be worse than none
  writeFileSync(word, why); // `attune-agent status` shows this reason (src/node/engine.ts)
}
process.stderr.write(
  why === undefined
    ? `Built the native kernels (${isas.map(({ name }) => name).join(", ")}).\n`
    : `The kernels run in WebAssembly here: ${why}.\n`,
);
if (why !== undefined && options.output !== undefined) process.exitCode = 1;
