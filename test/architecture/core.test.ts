// The layers of the agent's core, lowest first. A folder or a file imports only layers below its own; types count too.

import { expect, test } from "vitest";
import { readSourceTree } from "./places.js";

const layers: readonly (readonly string[])[] = [
  ["agent-api", "engine-words", "latencies", "pair", "parse-json", "ports", "serial"],
  ["backoff", "records", "state", "within"],
  ["trust/", "egress/", "learning/", "plan"],
  ["identity", "update/"],
  ["memory"],
  ["enrolment", "gating", "lessons"],
  ["executors/"],
  ["loops/"],
  ["agent"],
];

/** A folder of the core ends in a slash; a file outside of folders has its name without extension. */
const { places, imports } = readSourceTree("apps/edge-agent/src/core", (inside) => {
  const [first = "", ...rest] = inside.split("/");
  return rest.length > 0 ? `${first}/` : first.replace(/\.ts$/, "");
});

const layerOf = (place: string): number => layers.findIndex((layer) => layer.includes(place));

test("every folder and file of the core has a layer", () => {
  expect(places).toEqual(layers.flat().sort());
});

test("no folder or file of the core imports its own layer or a higher one", () => {
  expect(imports.length).toBeGreaterThan(100);
  const upward = imports
    .filter(({ from, to }) => from !== to && layerOf(to) >= layerOf(from))
    .map(({ path, target }) => `${path} imports ${target}`);
  expect(upward).toEqual([]);
});

test("the folders of the core know each other along these arrows alone", () => {
  const folders = ["trust/", "egress/", "learning/", "update/"];
  const between = imports.filter(({ from, to }) => from !== to && folders.includes(from) && folders.includes(to));
  const arrows = new Set(between.map(({ from, to }) => `${from} → ${to}`));
  expect([...arrows].sort()).toEqual(["update/ → egress/", "update/ → learning/"]);
});
