// Builds training's matrix products for this machine if it has a C compiler: `node packages/training/native/build.js`,
// also at npm's install. The build never fails: without a compiler or headers, training multiplies in WebAssembly.

import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCompiler, nodeApiHeaders, sharedLibrary, systemCompilers } from "../../ml/kernels/node/toolchain.js";

const source = fileURLToPath(new URL("./matmul.c", import.meta.url));
const folder = fileURLToPath(new URL("../../../apps/server/dist/native/", import.meta.url));
const target = join(folder, `matmul-${process.platform}-${process.arch}.node`);
const isa = { x64: ["-mavx2", "-mfma"], arm64: [] }[process.arch];

/** Undefined on success, else the reason why there are no native products. */
function build() {
  if (isa === undefined || !["linux", "darwin"].includes(process.platform)) {
    return `none are written for ${process.platform}-${process.arch}`;
  }
  const include = nodeApiHeaders(import.meta.url);
  if (include === undefined) return "Node-API's headers are missing";
  const compiler = findCompiler(systemCompilers);
  if (compiler === undefined) return "no C compiler was found";
  mkdirSync(folder, { recursive: true });
  const part = `${target}.part-${process.pid}`;
  const flags = ["-O3", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", `-I${include}`];
  const { status, stderr } = spawnSync(compiler, [...flags, ...isa, ...sharedLibrary, source, "-o", part], {
    encoding: "utf8",
  });
  if (status !== 0) {
    rmSync(part, { force: true });
    return `${compiler} refused matmul.c: ${stderr.split("\n")[0]}`;
  }
  // The rename makes sure that no run loads half a file.
  renameSync(part, target);
  return undefined;
}

const why = build();
process.stderr.write(
  why === undefined ? "Built the matrix products of training.\n" : `Training multiplies in WebAssembly here: ${why}.\n`,
);
