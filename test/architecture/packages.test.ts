// The folders of the packages ml and training, and their permitted imports. A folder imports only rows above
// it in its table.

import { describe, expect, test } from "vitest";
import { type Arrows, importsBeside, readSourceTree, unusedArrows, upwardArrows } from "./places.js";

const ml: Arrows = {
  "error.ts": [],
  "json.ts": [],
  tensor: ["error.ts"],
  tokenizer: ["error.ts"],
  linalg: ["error.ts"],
  metrics: ["error.ts", "tensor"],
  privacy: [],
  quantization: ["error.ts", "tensor"],
  encoder: ["error.ts", "json.ts", "tensor", "quantization"],
  heads: ["error.ts", "tensor", "linalg"],
  online: ["error.ts", "tensor", "heads"],
  engine: ["error.ts", "tensor", "encoder", "heads"],
  features: ["error.ts", "tensor", "tokenizer", "linalg", "quantization", "encoder", "heads", "engine"],
};

/** The steps of training, in the order in which the data passes. */
const training: Arrows = {
  datasets: [],
  checkpoints: [],
  "pretraining/data": ["datasets"],
  "pretraining/backend": [],
  "pretraining/graphs": ["pretraining/data", "pretraining/backend"],
  "pretraining/loop": ["checkpoints", "pretraining/data", "pretraining/backend", "pretraining/graphs"],
  "pretraining/run": [
    "datasets",
    "checkpoints",
    "pretraining/data",
    "pretraining/backend",
    "pretraining/graphs",
    "pretraining/loop",
  ],
  freezing: [
    "datasets",
    "checkpoints",
    "pretraining/data",
    "pretraining/graphs",
    "pretraining/loop",
    "pretraining/run",
  ],
  experiments: [],
  "experiments/workbench": ["datasets", "checkpoints", "pretraining/backend", "freezing", "experiments"],
  "experiments/classifiers": [
    "pretraining/data",
    "pretraining/backend",
    "pretraining/graphs",
    "pretraining/loop",
    "freezing",
    "experiments",
    "experiments/workbench",
  ],
  "experiments/tables": ["datasets", "freezing", "experiments", "experiments/workbench", "experiments/classifiers"],
  "experiments/run": [
    "datasets",
    "pretraining/backend",
    "experiments/workbench",
    "experiments/classifiers",
    "experiments/tables",
  ],
  "experiments/report": [
    "experiments",
    "experiments/workbench",
    "experiments/classifiers",
    "experiments/tables",
    "experiments/run",
  ],
};

describe.each(Object.entries({ ml, training }))("the folders of packages/%s", (name, arrows) => {
  const tree = readSourceTree(`packages/${name}/src`);

  test("are the table's", () => {
    expect(tree.places).toEqual(Object.keys(arrows).sort());
  });

  test("import only along the table's arrows", () => {
    expect(importsBeside(tree, arrows)).toEqual([]);
  });

  test("use every arrow of the table", () => {
    expect(unusedArrows(tree, arrows)).toEqual([]);
  });

  test("stand in the table below every folder that they import", () => {
    expect(upwardArrows(arrows)).toEqual([]);
  });
});
