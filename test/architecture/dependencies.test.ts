import { describe, expect, test } from "vitest";
import { type Import, importsOf, listFiles, read, resolveRelative } from "./tree.js";

interface Place {
  readonly name: string;
  readonly files: RegExp;
  /** The bare specifiers that the workspace's sources may import; tests may import more. */
  readonly allows: (imported: Import) => boolean;
  /** The folders that a relative import may reach. */
  readonly reaches: RegExp;
}

const isOurs = ({ specifier }: Import) => specifier.startsWith("@attune/");
const isNode = ({ specifier }: Import) => specifier.startsWith("node:");
const mlOrShared = ({ specifier }: Import) => /^@attune\/(ml|shared)\//.test(specifier);
const isCommand = ({ specifier }: Import) => /^@attune\/(server|edge-agent\/node)\/cli\//.test(specifier);
const oursFrom = (names: string) => (imported: Import) =>
  !isOurs(imported) || new RegExp(`^@attune/(${names})/`).test(imported.specifier);

const places: readonly Place[] = [
  {
    name: "packages/ml",
    files: /^packages\/ml\/src\/.*\.ts$/,
    allows: () => false,
    reaches: /^packages\/ml\/src\//,
  },
  {
    name: "packages/shared",
    files: /^packages\/shared\/src\/.*\.ts$/,
    allows: ({ specifier }) => specifier === "zod",
    reaches: /^packages\/shared\/src\//,
  },
  {
    name: "packages/platform",
    files: /^packages\/platform\/src\/.*\.ts$/,
    allows: oursFrom("ml|shared"),
    reaches: /^packages\/platform\/src\//,
  },
  {
    // Any page can show the charts, since they know neither workspaces, libraries nor a runtime.
    name: "packages/charts",
    files: /^packages\/charts\/src\/.*\.ts$/,
    allows: () => false,
    reaches: /^packages\/charts\/src\//,
  },
  {
    name: "packages/training",
    files: /^packages\/training\/src\/.*\.ts$/,
    allows: oursFrom("charts|ml|shared|platform"),
    reaches: /^packages\/training\/src\//,
  },
  {
    name: "apps/edge-agent/src/core",
    files: /^apps\/edge-agent\/src\/core\/.*\.ts$/,
    allows: (imported) => mlOrShared(imported) || imported.specifier === "zod",
    reaches: /^apps\/edge-agent\/src\/core\//,
  },
  {
    name: "apps/edge-agent/src/transports",
    files: /^apps\/edge-agent\/src\/transports\/.*\.ts$/,
    allows: (imported) =>
      /^(@attune\/shared\/|zod$|@trpc\/|@nats-io\/(nats-core|jetstream)$)/.test(imported.specifier) ||
      (imported.typeOnly && imported.specifier === "@attune/server/app-router"),
    reaches: /^apps\/edge-agent\/src\/(core|transports)\//,
  },
  {
    name: "apps/edge-agent/src/node",
    files: /^apps\/edge-agent\/src\/node\/.*\.ts$/,
    allows: (imported) =>
      oursFrom("ml|shared|platform")(imported) ||
      (imported.typeOnly && imported.specifier === "@attune/server/app-router"),
    reaches: /^apps\/edge-agent\/src\/(core|transports|node)\//,
  },
  {
    name: "apps/edge-agent/src/web",
    files: /^apps\/edge-agent\/src\/web\/.*\.ts$/,
    allows: (imported) =>
      mlOrShared(imported) || /^(zod$|@noble\/hashes\/|@nats-io\/nats-core$)/.test(imported.specifier),
    reaches: /^apps\/edge-agent\/src\/(core|transports|web)\//,
  },
  {
    name: "apps/edge-agent/src/page",
    files: /^apps\/edge-agent\/src\/page\/.*\.tsx?$/,
    allows: (imported) =>
      /^@attune\/shared\/contracts\/(letters|local-routes)$/.test(imported.specifier) ||
      /^preact(\/hooks)?$/.test(imported.specifier) ||
      imported.typeOnly,
    reaches: /^apps\/edge-agent\/src\/page\//,
  },
  {
    name: "apps/edge-agent/src/phone",
    files: /^apps\/edge-agent\/src\/phone\/.*\.tsx?$/,
    allows: ({ specifier, typeOnly }) => /^preact(\/hooks)?$/.test(specifier) || typeOnly,
    reaches: /^apps\/edge-agent\/src\/(core|page|phone|web)\//,
  },
  {
    name: "apps/server",
    files: /^apps\/server\/src\/(?!cli\/).*\.ts$/,
    allows: oursFrom("ml|shared|platform"),
    reaches: /^apps\/server\/src\/(?!cli\/)/,
  },
  {
    // Commands load training, demo and benchmarks on demand; a running server never loads them.
    name: "apps/server's commands",
    files: /^apps\/server\/src\/cli\/.*\.ts$/,
    allows: oursFrom("ml|shared|platform|training|demo|bench"),
    reaches: /^apps\/server\/src\//,
  },
  {
    name: "packages/demo",
    files: /^packages\/demo\/src\/.*\.ts$/,
    allows: (imported) => oursFrom("ml|shared|platform|training|server")(imported) && !isCommand(imported),
    reaches: /^packages\/demo\/src\//,
  },
  {
    // A simulator of devices can stand on the fakes: they know the core, and neither an app's program nor a test.
    name: "packages/fakes",
    files: /^packages\/fakes\/src\/.*\.ts$/,
    allows: (imported) =>
      oursFrom("ml|shared|platform")(imported) || imported.specifier.startsWith("@attune/edge-agent/core/"),
    reaches: /^packages\/fakes\/src\//,
  },
  {
    name: "packages/bench",
    files: /^packages\/bench\/src\/.*\.ts$/,
    allows: (imported) => oursFrom("ml|shared|platform|training|server|edge-agent")(imported) && !isCommand(imported),
    reaches: /^packages\/bench\/src\//,
  },
];

describe.each(places)("$name", ({ files, allows, reaches }) => {
  const sources = listFiles(files).filter((path) => !path.endsWith(".test.ts"));

  test("exists", () => {
    expect(sources.length).toBeGreaterThan(0);
  });

  test("imports only what its place in the house allows", () => {
    const wrong = sources.flatMap((path) =>
      importsOf(read(path))
        .filter((imported) =>
          imported.specifier.startsWith(".")
            ? !reaches.test(resolveRelative(path, imported.specifier))
            : !allows(imported),
        )
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

test("the core and the mathematics know no runtime", () => {
  const wrong = listFiles(/^(packages\/(charts|ml|shared)\/src|apps\/edge-agent\/src\/core)\/.*\.ts$/)
    .filter((path) => !path.endsWith(".test.ts"))
    .filter((path) => importsOf(read(path)).some(isNode));
  expect(wrong).toEqual([]);
});

test("only what the gate let pass and the journal holds reaches a transport", () => {
  const core = listFiles(/^apps\/edge-agent\/src\/core\/.*\.ts$/).filter((path) => !path.endsWith(".test.ts"));
  const makersOf = (type: string) => core.filter((path) => new RegExp(`\\bas ${type}<`).test(read(path)));
  expect(makersOf("Gated")).toEqual(["apps/edge-agent/src/core/egress/gate.ts"]);
  expect(makersOf("Cleared")).toEqual(["apps/edge-agent/src/core/egress/cleared.ts"]);
});

test("product code reaches nothing in test/", () => {
  const sources = listFiles(/^(packages|apps|prisma)\/.*\.(ts|js)$/).filter((path) => !path.endsWith(".test.ts"));
  expect(sources.filter((path) => /["'`/]test\/[a-z]/.test(read(path)))).toEqual([]);
});
