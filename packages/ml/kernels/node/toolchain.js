// Finds the headers and flags that build a Node-API addon on this machine. It is plain JavaScript, as builds
// run at npm's install.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const systemCompilers = ["cc", "gcc", "clang"];
export const sharedLibrary = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];

/**
 * The folder of node_api.h: of the package that `from` (an import.meta.url) resolves, else beside Node;
 * undefined where neither exists.
 */
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
