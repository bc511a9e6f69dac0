// Only folders of the right shape may be called one of the paper's encoders.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { afterAll, describe, expect, test } from "vitest";
import { openSource } from "./extractor-source.js";

const directory = mkdtempSync(join(tmpdir(), "attune-source-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const { files } = createTinyRelease();

type ModelType = "bert" | "roberta" | "mobilebert";
interface Shape {
  readonly modelType: ModelType;
  readonly numHiddenLayers: number;
  readonly hiddenSize: number;
}

/** The folder of an extractor of this shape; its weights are not read. */
function folderOf(shape: Shape): string {
  const folder = join(directory, Object.values(shape).join("-"));
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  const { modelType, numHiddenLayers, hiddenSize } = shape;
  const config = {
    model_type: modelType,
    num_hidden_layers: numHiddenLayers,
    hidden_size: hiddenSize,
    vocab_size: 64,
    num_attention_heads: 2,
    intermediate_size: 8,
    attune: { pooling: "mean", maxTokens: 16 },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

describe("A name of the paper's", () => {
  test.each<[string, string, Shape]>([
    ["roberta", "RoBERTa", { modelType: "roberta", numHiddenLayers: 12, hiddenSize: 768 }],
    ["mobilebert", "MobileBERT", { modelType: "mobilebert", numHiddenLayers: 24, hiddenSize: 512 }],
    ["bert-medium", "BERT-Medium", { modelType: "bert", numHiddenLayers: 8, hiddenSize: 512 }],
    ["bert-tiny-pretrained", "BERT-Tiny pre-trained", { modelType: "bert", numHiddenLayers: 2, hiddenSize: 128 }],
  ])("%s stands for that encoder's shape and no other", (name, title, shape) => {
    expect(openSource(`${name}=${folderOf(shape)}`, "engine").name).toBe(title);
    const others: Shape[] = [
      { ...shape, modelType: shape.modelType === "bert" ? "roberta" : "bert" },
      { ...shape, numHiddenLayers: shape.numHiddenLayers - 1 },
      { ...shape, hiddenSize: shape.hiddenSize * 2 },
    ];
    for (const other of others) {
      const folder = folderOf(other);
      expect(openSource(folder, "engine").paper).toBeUndefined();
      const { modelType, numHiddenLayers, hiddenSize } = other;
      expect(() => openSource(`${name}=${folder}`, "engine")).toThrow(
        `holds a ${modelType} of ${numHiddenLayers} layers, ${hiddenSize} wide, and ${title.split(" ")[0]} is a ${shape.modelType} of ${shape.numHiddenLayers} layers, ${shape.hiddenSize} wide`,
      );
    }
  });

  test("needs a folder", () => {
    for (const argument of ["", "bert-tiny="]) {
      expect(() => openSource(argument, "engine")).toThrow(`--extractor ${argument}: the folder is missing`);
    }
  });
});
