// The layers of the agent's core, lowest first. A folder or a file imports only layers below its own; types count too.

import { expect, test } from "vitest";
import { importsOf, listFiles, read, resolveRelative } from "./tree.js";

const core = "apps/edge-agent/src/core";

const layers: readonly (readonly string[])[] = [
  ["agent-api", "engine-words", "latencies", "pair", "parse-json", "ports", "serial"],
  ["backoff", "records", "state", "within"],
  ["trust/", "egress/", "learning/", "plan"],
  ["identity", "update/"],
  ["memory"],
  ["enrolment", "gating", "lessons"],
  ["executors/"],
  ["loops"],
  ["agent"],
];

const sources = listFiles(/^apps\/edge-agent\/src\/core\/.*\.ts$/).filter((path) => !/\.(test|d)\.ts$/.test(path));

/** The folder of the core that holds a path, or the file's own name for a file outside of folders. */
function placeOf(path: string): string {
  const [first = "", ...rest] = path.slice(core.length + 1).split("/");
  return rest.length > 0 ? `${first}/` : first.replace(/\.ts$/, "");
}

const layerOf = (place: string): number => layers.findIndex((layer) => layer.includes(place));

test("every folder and file of the core has a layer", () => {
  expect([...new Set(sources.map(placeOf))].sort()).toEqual(layers.flat().sort());
});

test("no folder or file of the core imports its own layer or a higher one", () => {
  const imports = sources.flatMap((path) =>
    importsOf(read(path))
      .filter(({ specifier }) => specifier.startsWith("."))
      .map(({ specifier }) => ({ path, target: resolveRelative(path, specifier) })),
  );
  expect(imports.length).toBeGreaterThan(100);
  const upward = imports
    .map(({ path, target }) => ({ path, target, from: placeOf(path), to: placeOf(target) }))
    .filter(({ from, to }) => from !== to && layerOf(to) >= layerOf(from))
    .map(({ path, target }) => `${path} imports ${target}`);
  expect(upward).toEqual([]);
});

test("the folders of the core know each other along these arrows alone", () => {
  const folders = ["trust/", "egress/", "learning/", "update/"];
  const arrows = new Set<string>();
  for (const path of sources) {
    for (const { specifier } of importsOf(read(path)).filter((imported) => imported.specifier.startsWith("."))) {
      const [from, to] = [placeOf(path), placeOf(resolveRelative(path, specifier))];
      if (from !== to && folders.includes(from) && folders.includes(to)) arrows.add(`${from} → ${to}`);
    }
  }
  expect([...arrows].sort()).toEqual(["update/ → egress/", "update/ → learning/"]);
});
