// The server's folders and their permitted imports. A folder imports only rows above it in this table.

import { describe, expect, test } from "vitest";
import { type Arrows, folderOf, importsBeside, readSourceTree, unusedArrows, upwardArrows } from "./places.js";
import { read } from "./tree.js";

const src = "apps/server/src";

const arrows: Arrows = {
  generated: [],
  platform: [],
  "platform/http": ["platform"],
  "platform/nats": ["platform"],
  "platform/postgres": ["platform", "generated"],
  content: [],
  signing: [],
  callers: [],
  access: ["callers", "generated"],
  catalogue: ["callers", "access", "content", "signing", "generated"],
  rollouts: ["callers", "access", "generated"],
  devices: ["callers", "access", "signing", "platform", "platform/nats", "generated"],
  ingestion: ["platform/nats", "generated"],
  audit: ["ingestion", "generated"],
  metrics: ["ingestion", "platform", "generated"],
  backup: ["catalogue", "content", "platform", "platform/postgres"],
  client: ["callers", "access", "catalogue", "audit"],
  "cli/declarations": ["callers"],
  cli: ["cli/declarations", "client", "audit", "backup", "platform", "platform/nats", "platform/postgres"],
};

/**
 * Files that stand in no folder. Files that folders may import are listed with those folders; the rest
 * compose and serve folders.
 */
const topFiles: Readonly<Record<string, readonly string[]>> = {
  "trpc.ts": ["access", "catalogue", "rollouts", "devices", "ingestion", "audit"],
  "bench-parts.ts": ["cli/declarations"],
  "env.ts": ["cli"],
  "main.ts": ["cli"],
  "app-router.ts": ["client"],
  "app.ts": [],
  "backends.ts": ["cli"],
  "compose.ts": [],
  "contract-window.ts": ["cli"],
  "http.ts": [],
};

const tree = readSourceTree(src, (inside) => (inside.startsWith("generated/") ? "generated" : folderOf(inside)));
const { sources, imports } = tree;

/** The arrows of the folders, those to the files beside them included. */
const allArrows: Arrows = Object.fromEntries(
  Object.entries(arrows).map(([from, targets]) => {
    const files = Object.keys(topFiles).filter((file) => topFiles[file]!.includes(from));
    return [from, [...targets, ...files]];
  }),
);

describe("the server's folders", () => {
  test("are the table's, and so are the files beside them", () => {
    const named = [...Object.keys(arrows), ...Object.keys(topFiles)].filter((place) => place !== "generated");
    expect(tree.places).toEqual(named.sort());
  });

  test("import only along the table's arrows", () => {
    const ofFolders = imports.filter(({ from }) => from in arrows);
    expect(importsBeside({ ...tree, imports: ofFolders }, allArrows)).toEqual([]);
  });

  test("use every arrow of the table", () => {
    expect(unusedArrows(tree, allArrows)).toEqual([]);
  });

  test("stand in the table below every folder that they import", () => {
    expect(upwardArrows(arrows)).toEqual([]);
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
