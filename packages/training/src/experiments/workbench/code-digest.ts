// Digests the code that computes a cell: when that code changes, outcomes of the older code are no longer found.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { sha256 } from "@attune/platform/sha256";

/**
 * The digest of the module at `moduleUrl` and of every module of ours that it imports. Built files are read, so that a
 * thread that runs them and a tool that runs sources agree. The libraries of packages/training count by their pinned
 * versions. The kernels do not count: tests hold them to the numbers of modules that do.
 */
export type CodeDigest = (moduleUrl: string) => string;

interface Module {
  readonly digest: string;
  /** The paths of the imported modules. */
  readonly imports: readonly string[];
}

/** Reads each module once, and follows the imports of each once. */
export function createCodeDigest(): CodeDigest {
  const modules = new Map<string, Module>();
  const digests = new Map<string, string>();
  const libraries = sha256(readLibraries());

  function moduleAt(path: string): Module {
    const known = modules.get(path);
    if (known !== undefined) return known;
    const code = readFileSync(path, "utf8");
    const module = { digest: sha256(code), imports: importsOf(code, path) };
    modules.set(path, module);
    return module;
  }

  function digestOf(path: string): string {
    const reached = new Map<string, Module>();
    const left = [path];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (reached.has(next)) continue;
      const module = moduleAt(next);
      reached.set(next, module);
      left.push(...module.imports);
    }
    // Paths are left out, because they differ from machine to machine.
    return sha256(libraries, ...[...reached.values()].map(({ digest }) => digest).sort());
  }

  return (moduleUrl) => {
    const path = builtPath(fileURLToPath(moduleUrl));
    const known = digests.get(path);
    if (known !== undefined) return known;
    const digest = digestOf(path);
    digests.set(path, digest);
    return digest;
  };
}

function builtPath(path: string): string {
  return path.replace(/\/src\/(.*)\.ts$/, "/dist/$1.js");
}

function importsOf(code: string, path: string): string[] {
  const { resolve } = createRequire(path);
  const specifiers = [...code.matchAll(/\b(?:from|import)\s*\(?\s*"((?:\.{1,2}|@attune)\/[^"]+)"/g)];
  // Under a tool that runs sources, the names of our packages resolve to sources.
  return specifiers.map(([, specifier]) => builtPath(resolve(specifier!)));
}

function readLibraries(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  const libraries = Object.entries(manifest.dependencies).filter(([name]) => !name.startsWith("@attune/"));
  return JSON.stringify([libraries, manifest.peerDependencies]);
}
