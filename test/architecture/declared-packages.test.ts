// Checks what each workspace's package.json declares, and what an installation of the server alone brings.

import { describe, expect, test } from "vitest";
import { importsOf, listFiles, read } from "./tree.js";

interface Manifest {
  readonly name?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest => JSON.parse(read(`${folder}/package.json`));
const packageOf = (specifier: string) => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/**
 * The server's commands load these workspaces when asked. The server cannot declare them as optional peers:
 * npm would then install them, and TensorFlow with them, beside every server.
 */
const loadedWhenAsked = (path: string, name: string) =>
  path.startsWith("apps/server/src/cli/") && ["@attune/training", "@attune/demo", "@attune/bench"].includes(name);

describe.each(manifestOf(".").workspaces ?? [])("%s", (folder) => {
  test("declares each package that its product code imports", () => {
    const manifest = manifestOf(folder);
    const installed = { ...manifest.dependencies, ...manifest.peerDependencies };
    // Types need nothing at run time, and nobody installs the benchmarks without their development dependencies.
    const forDevelopment = { ...installed, ...manifest.devDependencies };
    const sources = listFiles(new RegExp(`^${folder}/src/.*\\.tsx?$`)).filter((path) => !path.endsWith(".test.ts"));
    expect(sources.length).toBeGreaterThan(0);
    const undeclared = sources.flatMap((path) =>
      importsOf(read(path))
        .filter(({ specifier }) => !/^(\.|#|node:)/.test(specifier))
        .filter(({ specifier, typeOnly }) => {
          const name = packageOf(specifier);
          const declared = typeOnly || folder === "packages/bench" ? forDevelopment : installed;
          return name !== manifest.name && !Object.hasOwn(declared, name) && !loadedWhenAsked(path, name);
        })
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );
    expect(undeclared).toEqual([]);
  });
});

type Packages = Readonly<Record<string, Manifest>>;

/** The place in the lockfile that an import of `name` from `folder` finds: the nearest node_modules that holds it. */
function placeOf(packages: Packages, folder: string, name: string): string | undefined {
  for (let from = folder; ; from = from.slice(0, Math.max(0, from.lastIndexOf("/")))) {
    const place = `${from === "" ? "" : `${from}/`}node_modules/${name}`;
    const found = packages[place];
    if (found !== undefined) return found.link ? found.resolved : place;
    if (from === "") return undefined;
  }
}

/**
 * The places that an installation of `folder` for production fills, optional packages included. npm installs an
 * optional peer too where the lockfile holds it.
 */
function closureOf(packages: Packages, folder: string): Set<string> {
  const reached = new Set([folder]);
  for (const place of reached) {
    const { dependencies, optionalDependencies, peerDependencies } = packages[place] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const next = placeOf(packages, place, name);
      if (next !== undefined) reached.add(next);
    }
  }
  return reached;
}

describe("an installation for production", () => {
  const { packages }: { readonly packages: Packages } = JSON.parse(read("package-lock.json"));
  const tensorflowIn = (folder: string) =>
    [...closureOf(packages, folder)].filter((place) => /@tensorflow\//.test(place));

  test("of the server alone holds the server's packages and no TensorFlow", () => {
    const closure = closureOf(packages, "apps/server");
    for (const place of ["packages/shared", "node_modules/fastify", "node_modules/pg", "node_modules/pg-types"]) {
      expect(closure).toContain(place);
    }
    expect(tensorflowIn("apps/server")).toEqual([]);
  });

  test("of the training holds TensorFlow", () => {
    expect(tensorflowIn("packages/training")).toContain("node_modules/@tensorflow/tfjs");
  });
});
