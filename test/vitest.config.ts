// One vitest configuration: four projects, divided by their needs (nothing, the tree, real processes, a whole demo).

import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));
// No "import" here: vitest hands these to node, where it would make require() load ECMAScript modules.
const conditions = ["@attune/source", "node"];
// On a busy machine anything takes long; what hangs is still found.
const timeouts = { testTimeout: 180_000, hookTimeout: 180_000, expect: { poll: { interval: 20, timeout: 120_000 } } };
// A worker loads each module once for all its files, for modules hold no state. The main process idles, so each
// core gets a worker.
const quick = { isolate: false, maxWorkers: "100%", unstubEnvs: true, unstubGlobals: true };
const besideSources = ["packages/*/src/**", "apps/*/src/**"];
const common = { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };

export default defineConfig({
  root,
  ...common,
  test: {
    reporters: ["default", fileURLToPath(new URL("skips-reporter.ts", import.meta.url))],
    projects: [
      {
        root,
        ...common,
        test: {
          ...timeouts,
          ...quick,
          name: "unit",
          include: besideSources.map((folder) => `${folder}/*.test.ts`),
          exclude: ["**/*.slow.test.ts"],
        },
      },
      {
        root,
        ...common,
        test: { ...timeouts, ...quick, name: "architecture", include: ["test/architecture/**/*.test.ts"] },
      },
      {
        root,
        ...common,
        test: {
          name: "integration",
          // One project after the other: the cheapest fault is found first, and a whole demo has
          // the machine for itself.
          sequence: { groupOrder: 1 },
          include: ["test/integration/**/*.test.ts", ...besideSources.map((folder) => `${folder}/*.slow.test.ts`)],
          ...timeouts,
        },
      },
      {
        root,
        ...common,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
