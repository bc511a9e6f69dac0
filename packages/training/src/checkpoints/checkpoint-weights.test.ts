// Refuses files that are not what their name says, and files that ask for far more memory than they have bytes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { torchFileOfViews, type View } from "@attune/fakes/torch-file";
import { parseEncoderConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { afterAll, describe, expect, test } from "vitest";
import { writeRobertaCheckpoint } from "../../../../test/golden/roberta-checkpoint.js";
import { readCheckpointFolder } from "./checkpoint-import.js";
import { openWeights, takeEncoderWeights } from "./checkpoint-weights.js";

const directory = mkdtempSync(join(tmpdir(), "attune-weights-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const folderOf = () => mkdtempSync(join(directory, "checkpoint-"));

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const configOf = (layers: number) => ({
  model_type: "bert",
  vocab_size: 30,
  max_position_embeddings: 20,
  num_hidden_layers: layers,
  hidden_size: 64,
  num_attention_heads: 4,
  intermediate_size: 64,
});

/** The encoder's weights as views of one storage, each at the offset that `place` gives. */
function take(layers: number, place: (elements: number) => number, tied: Record<string, string> = {}) {
  const config = parseEncoderConfig(JSON.stringify(configOf(layers)));
  const views: Record<string, View> = {};
  for (const [name, shape] of encoderWeightShapes(config)) {
    views[`bert.${name}`] = { shape, offset: place(sizeOf(shape)) };
  }
  for (const [name, other] of Object.entries(tied)) views[name] = views[other]!;
  const length = Math.max(...Object.values(views).map(({ shape, offset }) => offset + sizeOf(shape)));
  const folder = folderOf();
  writeFileSync(
    join(folder, "pytorch_model.bin"),
    torchFileOfViews(
      Float32Array.from({ length }, (_, i) => i),
      views,
    ),
  );
  return takeEncoderWeights(config, openWeights(folder), folder);
}

describe("weights that are views of one storage", () => {
  test("are taken where each has its own part, a head tied to the embeddings beside them", () => {
    let end = 0;
    const place = (elements: number) => {
      end += elements;
      return end - elements;
    };
    const { tensors } = take(1, place, {
      "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    });
    let first = 0;
    for (const { data } of tensors.values()) {
      expect([data[0], data.at(-1)]).toEqual([first, first + data.length - 1]);
      first += data.length;
    }
    expect(first).toBe(end);
  });

  test("are refused where they share values: 24 layers of one layer's bytes", () => {
    expect(() => take(24, () => 0)).toThrow(
      /pytorch_model\.bin: the weights up to "encoder\.layer\.\d+\..* share values/,
    );
  });
});

describe("in a checkpoint's place of a file", () => {
  const names = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "merges.txt",
    "tokenizer_config.json",
    "README.md",
    "import.json",
  ];
  test.each(names)("%s, an endless device or a pipe that nobody writes is refused at once", (name) => {
    const makeDevice = (path: string) => symlinkSync("/dev/zero", path);
    const makePipe = (path: string) => void execFileSync("mkfifo", [path]);
    for (const make of [makeDevice, makePipe]) {
      const folder = join(folderOf(), "roberta");
      writeRobertaCheckpoint(folder);
      const path = join(folder, name);
      rmSync(path, { force: true });
      make(path);
      expect(() => readCheckpointFolder(folder)).toThrow(
        expect.objectContaining({ code: "INVALID_CHECKPOINT", message: `${path}: the path names no file` }),
      );
    }
  });
});

test("JSON that is nested without end is refused in words", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const header = new TextEncoder().encode(`{"w":${deep}}`);
  const bytes = new Uint8Array(8 + header.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  const folder = folderOf();
  writeFileSync(join(folder, "model.safetensors"), bytes);
  expect(() => openWeights(folder)).toThrow("model.safetensors is nested too deeply");
});
