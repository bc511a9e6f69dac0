// Exported names of the product. A name that no other file uses is not exported, so that an export says: others rely on
// this.

import { parseSync } from "rolldown/utils";
import { describe, expect, test } from "vitest";
import { importsOf, listFiles, read, resolveRelative } from "./tree.js";

interface Module {
  readonly exported: readonly string[];
  /** The names that the file imports, by the path of the exporting file. */
  readonly imported: readonly { readonly path: string; readonly name: string }[];
  /** The files that this file reaches as a whole: it may use each name that its own text contains. */
  readonly whole: readonly string[];
  readonly source: string;
}

const files = listFiles(/\.(tsx?|js)$/).filter((path) => !/\.d\.ts$|\/generated\//.test(path));
const known = new Set(files);

/** The file behind a specifier; undefined for packages of others. */
function fileOf(from: string, specifier: string): string | undefined {
  const [, workspace, rest] = /^@attune\/([a-z-]+)\/(.+?)(?:\.js)?$/.exec(specifier) ?? [];
  const places =
    workspace === undefined
      ? [resolveRelative(from, specifier)]
      : ["packages", "apps"].map((parent) => `${parent}/${workspace}/src/${rest}`);
  return places.flatMap((place) => [`${place}.ts`, `${place}.tsx`, `${place}.js`]).find((path) => known.has(path));
}

function readModule(path: string, source: string): Module {
  const { module } = parseSync(path, source);
  const imported: { path: string; name: string }[] = [];
  const whole: string[] = [];
  function take(specifier: string, name: string | null | undefined): void {
    const target = fileOf(path, specifier);
    if (target === undefined) return;
    if (name) imported.push({ path: target, name });
    else whole.push(target);
  }
  for (const { moduleRequest, entries } of module.staticImports) {
    for (const { importName } of entries) take(moduleRequest.value, importName.name);
  }
  const exported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, importName, moduleRequest }) => {
      if (moduleRequest) take(moduleRequest.value, importName.name);
      return exportName.name ?? [];
    }),
  );
  // Imports of types and dynamic imports name the module in a call.
  for (const [, specifier] of source.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) take(specifier!, undefined);
  return { exported, imported, whole, source };
}

/** The exports of `modules` that no other module uses, as "path name". */
function unusedExports(modules: ReadonlyMap<string, Module>): string[] {
  const used = new Set<string>();
  for (const { imported, whole, source } of modules.values()) {
    for (const { path, name } of imported) used.add(`${path} ${name}`);
    const words = whole.length === 0 ? new Set<string>() : new Set(source.match(/[\w$]+/g));
    for (const path of whole) {
      for (const name of modules.get(path)?.exported ?? []) if (words.has(name)) used.add(`${path} ${name}`);
    }
  }
  return [...modules].flatMap(([path, { exported }]) =>
    exported.map((name) => `${path} ${name}`).filter((place) => !used.has(place)),
  );
}

/** The type of the server's router, which clients are built from, names these without an import. */
const namedByRouter = [
  "access/access.service.ts HandedOut",
  "access/access.service.ts ListedToken",
  "audit/audit.service.ts DevicePage",
  "devices/fleet.repository.ts FleetSummary",
  "ingestion/report.service.ts ReportSummary",
  "rollouts/rollout.service.ts RolloutSummary",
  "rollouts/rollout.service.ts RolloutStatus",
  "trpc.ts ErrorReply",
].map((place) => `apps/server/src/${place}`);

describe("an exported name", () => {
  test("counts as used by imports of values, types and whole modules, and by exports of other files", () => {
    const [a, b, c] = files.slice(0, 3) as [string, string, string];
    const module = (exported: string[], more: Partial<Module>): Module => ({
      ...{ exported, imported: [], whole: [], source: "" },
      ...more,
    });
    const modules = new Map([
      [a, module(["one", "two", "three"], {})],
      [b, module(["four"], { imported: [{ path: a, name: "one" }] })],
      [c, module([], { whole: [a], source: 'const { two } = await import("a")' })],
    ]);
    expect(unusedExports(modules)).toEqual([`${a} three`, `${b} four`]);
  });

  test("has a user in another file, or is part of the type of the server's router", () => {
    const modules = new Map(files.map((path) => [path, readModule(path, read(path))]));
    const product = unusedExports(modules).filter((place) => /^(packages|apps)\//.test(place));
    expect(product).toEqual(namedByRouter);
  });
});

test("a test reaches the product through the exports of its packages, never through their folders", () => {
  const inside = /^(\.\.\/)+(packages|apps)\/[a-z-]+\/src\//;
  const wrong = files
    .filter((path) => path.startsWith("test/") && path.endsWith(".ts"))
    .flatMap((path) => importsOf(read(path)).map(({ specifier }) => `${path} imports ${specifier}`))
    .filter((line) => inside.test(line.split(" ").at(-1)!));
  expect(wrong).toEqual([]);
});
