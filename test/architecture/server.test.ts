// The server's folders and their permitted imports. A folder imports only rows above it in this table.

import { describe, expect, test } from "vitest";
import { importsOf, listFiles, read, resolveRelative } from "./tree.js";

const src = "apps/server/src";

/** For each folder, the server's other folders that its files may import; types count too. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  generated: [],
  platform: [],
  "platform/http": [],
  "platform/nats": ["platform"],
  "platform/postgres": ["platform", "generated"],
  content: [],
  signing: [],
  catalogue: ["content", "signing", "generated"],
  rollouts: ["generated"],
  devices: ["signing", "platform", "platform/nats", "generated"],
  ingestion: ["platform/nats", "generated"],
  audit: ["ingestion", "generated"],
  client: ["catalogue", "audit"],
  "cli/declarations": [],
  cli: ["cli/declarations", "client", "audit", "platform", "platform/nats"],
};

/**
 * Files that stand in no folder. Files that folders may import are listed with those folders; the rest compose and serve
 * folders.
 */
const topFiles: Readonly<Record<string, readonly string[]>> = {
  "trpc.ts": ["catalogue", "rollouts", "devices", "ingestion", "audit"],
  "env.ts": ["cli"],
  "main.ts": ["cli"],
  "app-router.ts": ["client"],
  "app.ts": [],
  "backends.ts": [],
  "compose.ts": [],
  "contract-window.ts": [],
  "http.ts": [],
};

const sources = listFiles(/^apps\/server\/src\/.*\.ts$/).filter((path) => !/\.(test|d)\.ts$/.test(path));

/** The folder below `src` that holds a path, or the path's own name where none does. */
function placeOf(path: string): string {
  const inside = path.slice(src.length + 1);
  if (inside.startsWith("generated/")) return "generated";
  return inside.includes("/") ? inside.slice(0, inside.lastIndexOf("/")) : inside;
}

const imports = sources.flatMap((path) =>
  importsOf(read(path))
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => ({ path, target: `${resolveRelative(path, specifier)}.ts` })),
);

describe("the server's folders", () => {
  test("are the table's, and so are the files beside them", () => {
    const places = new Set(sources.map(placeOf));
    const named = [...Object.keys(arrows), ...Object.keys(topFiles)].filter((place) => place !== "generated");
    expect([...places].sort()).toEqual(named.sort());
  });

  test("import only along the table's arrows", () => {
    const wrong = imports
      .map(({ path, target }) => ({ path, target, from: placeOf(path), to: placeOf(target) }))
      .filter(({ from, to }) => from in arrows && from !== to)
      .filter(({ from, to }) => !(to in topFiles ? topFiles[to] : [])?.includes(from) && !arrows[from]?.includes(to))
      .map(({ path, target }) => `${path} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  test("use every arrow of the table", () => {
    const used = new Set(imports.map(({ path, target }) => `${placeOf(path)} → ${placeOf(target)}`));
    const drawn = [
      ...Object.entries(arrows).flatMap(([from, targets]) => targets.map((to) => `${from} → ${to}`)),
      ...Object.entries(topFiles).flatMap(([to, folders]) => folders.map((from) => `${from} → ${to}`)),
    ];
    expect(drawn.filter((arrow) => !used.has(arrow))).toEqual([]);
  });

  test("stand in the table below every folder that they import", () => {
    const order = Object.keys(arrows);
    const upward = Object.entries(arrows).flatMap(([from, targets]) =>
      targets.filter((to) => order.indexOf(to) >= order.indexOf(from)).map((to) => `${from} → ${to}`),
    );
    expect(upward).toEqual([]);
  });
});

test("routers know services, services know repositories, and none reaches back or past its neighbour, by a type or a value", () => {
  const roles = ["repository", "service", "router"];
  const rankOf = (path: string) => roles.findIndex((role) => path.endsWith(`.${role}.ts`));
  const wrong = imports
    .map(({ path, target }) => ({ path, target, from: rankOf(path), to: rankOf(target) }))
    .filter(({ from, to }) => from >= 0 && to >= 0 && from - to !== 1)
    .map(({ path, target }) => `${path} imports ${target}`);
  expect(wrong).toEqual([]);
});

test("services and repositories are made in compose.ts alone", () => {
  const makers = sources.filter((path) => /(?<!function )\bcreate[A-Z]\w*(Service|Repository)\(/.test(read(path)));
  expect(makers).toEqual([`${src}/compose.ts`]);
});
