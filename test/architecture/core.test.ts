// The places of the agent's core and their permitted imports. A place imports only rows above it in this
// table; types count too.

import { describe, expect, test } from "vitest";
import { type Arrows, importsBeside, readSourceTree, unusedArrows, upwardArrows } from "./places.js";

const arrows: Arrows = {
  "agent-api": [],
  "closed-fields": [],
  ports: [],
  "update-state": ["agent-api"],
  concurrency: ["ports"],
  storage: ["ports"],
  prediction: [],
  trust: ["ports", "update-state", "storage"],
  egress: ["ports", "concurrency", "storage"],
  learning: ["ports", "concurrency", "storage", "prediction"],
  plan: ["agent-api", "update-state"],
  update: ["ports", "update-state", "concurrency", "storage", "prediction", "egress"],
  "agent-state": [
    "ports",
    "update-state",
    "concurrency",
    "storage",
    "prediction",
    "trust",
    "egress",
    "learning",
    "update",
  ],
  jobs: ["ports", "storage", "prediction", "egress", "learning", "agent-state"],
  calls: ["agent-api", "concurrency", "storage", "trust", "egress", "learning", "agent-state", "jobs"],
  executors: [
    "agent-api",
    "ports",
    "update-state",
    "concurrency",
    "storage",
    "prediction",
    "trust",
    "egress",
    "learning",
    "plan",
    "update",
    "agent-state",
    "jobs",
  ],
  loops: [
    "agent-api",
    "ports",
    "update-state",
    "concurrency",
    "storage",
    "trust",
    "egress",
    "learning",
    "plan",
    "agent-state",
    "jobs",
    "executors",
  ],
  agent: [
    "agent-api",
    "ports",
    "concurrency",
    "prediction",
    "egress",
    "learning",
    "update",
    "agent-state",
    "jobs",
    "calls",
    "executors",
    "loops",
  ],
};

/** A file of the core that stands in no folder has its name without extension. */
const tree = readSourceTree("apps/edge-agent/src/core", (inside) => {
  const [first = "", ...rest] = inside.split("/");
  return rest.length > 0 ? first : first.replace(/\.ts$/, "");
});

describe("the folders of the core, and the files beside them,", () => {
  test("are the table's", () => {
    expect(tree.places).toEqual(Object.keys(arrows).sort());
  });

  test("import only along the table's arrows", () => {
    expect(tree.imports.length).toBeGreaterThan(100);
    expect(importsBeside(tree, arrows)).toEqual([]);
  });

  test("use each arrow of the table", () => {
    expect(unusedArrows(tree, arrows)).toEqual([]);
  });

  test("import no later row of the table", () => {
    expect(upwardArrows(arrows)).toEqual([]);
  });
});
