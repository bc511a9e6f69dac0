// Imports run one way: no file or folder imports a file that leads back to it. Types count too.

import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, listFiles, read, resolveRelative } from "./tree.js";

const sources = listFiles(/^(packages|apps)\/[a-z-]+\/src\/.*\.tsx?$/).filter((path) => !/\.(test|d)\.ts$/.test(path));
const known = new Set(sources);

const importsByFile = new Map(
  sources.map((path) => [
    path,
    importsOf(read(path))
      .map(({ specifier }) => fileOf(path, specifier))
      .filter((target) => target !== undefined),
  ]),
);

function fileOf(from: string, specifier: string): string | undefined {
  const [, workspace, rest] = /^@attune\/([a-z-]+)\/(.+)$/.exec(specifier) ?? [];
  const places =
    workspace === undefined
      ? [resolveRelative(from, specifier)]
      : ["packages", "apps"].map((parent) => `${parent}/${workspace}/src/${rest}`);
  return places.flatMap((place) => [`${place}.ts`, `${place}.tsx`]).find((path) => known.has(path));
}

/**
 * A file directly in a workspace's src, or in a part of the agent, is a place of its own, which
 * composes or serves folders.
 */
function placeOf(path: string): string {
  return /\/src\/([a-z]+\/)?[^/]+$/.test(path) && isTop(dirname(path)) ? path : dirname(path);
}

const isTop = (folder: string) =>
  /^(packages|apps)\/[a-z-]+\/src$|^apps\/edge-agent\/src\/(core|node|web|page)$/.test(folder);

const importsByPlace = new Map<string, string[]>();
for (const [file, targets] of importsByFile) {
  const place = placeOf(file);
  const others = targets.map(placeOf).filter((target) => target !== place);
  importsByPlace.set(place, [...(importsByPlace.get(place) ?? []), ...others]);
}

/** A path from a place back to itself, for each place that has one. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  function visit(place: string, trail: readonly string[]): void {
    const start = trail.indexOf(place);
    if (start >= 0) circles.push([...trail.slice(start), place].join(" → "));
    if (start >= 0 || done.has(place)) return;
    for (const next of new Set(graph.get(place))) visit(next, [...trail, place]);
    done.add(place);
  }
  for (const place of graph.keys()) visit(place, []);
  return circles;
}

describe("no circle of imports", () => {
  test("is found where there is one", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["a", "d"]],
      ["d", []],
    ]);
    expect(circlesIn(graph)).toEqual(["a → b → c → a"]);
  });

  test("joins files", () => {
    expect([...importsByFile.values()].flat().length).toBeGreaterThan(1_000);
    expect(circlesIn(importsByFile)).toEqual([]);
  });

  test("joins folders", () => {
    expect(circlesIn(importsByPlace)).toEqual([]);
  });
});

test("a running server reaches nothing that trains, shows or measures, TensorFlow.js least of all", () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const target of importsByFile.get(path) ?? []) visit(target);
  };
  visit("apps/server/src/main.ts");
  expect(reached.size).toBeGreaterThan(60);
  expect([...reached].filter((path) => /^packages\/(training|fakes|demo|bench)\//.test(path))).toEqual([]);
  const libraries = [...reached].flatMap((path) => importsOf(read(path)).map(({ specifier }) => specifier));
  expect(libraries.filter((specifier) => specifier.startsWith("@tensorflow/"))).toEqual([]);
});
