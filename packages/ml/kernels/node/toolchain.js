// What builds an addon against Node-API on this machine: the headers and the flags. Plain JavaScript, as builds run at npm's install.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const systemCompilers = ["cc", "gcc", "clang"];
export const sharedLibrary = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];

/** The folder of node_api.h: the package's that `from` (an import.meta.url) resolves, else that beside Node; undefined where there is none. */
export function nodeApiHeaders(from) {
  try {
    return createRequire(from)("node-api-headers").include_dir;
  } catch {
    const beside = join(dirname(process.execPath), "..", "include", "node");
    return existsSync(join(beside, "node_api.h")) ? beside : undefined;
  }
}

/** The first of `names` that runs. */
export function findCompiler(names) {
  return names.find((name) => spawnSync(name, ["--version"]).status === 0);
}
