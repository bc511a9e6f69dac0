// A checkpoint saved in any published way gives the same hidden states as in Transformers. A damaged or harmful
// checkpoint is refused with its file and field, and nothing is left behind.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { parseSafetensors, serializeSafetensors, type Tensor, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer, wordPieceTokenizerJson } from "@attune/ml/tokenizer/tokenizer";
import type { AppError } from "@attune/shared/errors";
import { afterAll, describe, expect, test } from "vitest";
import { importCheckpoint } from "./checkpoint-import.js";
import { readExtractorFolder } from "./extractor-files.js";

const golden = fileURLToPath(new URL("../../../../test/golden/", import.meta.url));
const checkpoint = join(golden, "checkpoint");
const { ids, hidden }: { ids: number[]; hidden: number[][] } = JSON.parse(
  readFileSync(join(checkpoint, "hidden-states.json"), "utf8"),
);
const bpe: { vocab: Record<string, number>; merges: string[]; cases: { text: string; ids: number[] }[] } = JSON.parse(
  readFileSync(join(golden, "bpe.json"), "utf8"),
);

const directory = mkdtempSync(join(tmpdir(), "attune-import-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let folders = 0;

/** A checkpoint folder with these weight files, each copied under its published name. */
function folderOf(weights: Record<string, string>, { tokenizer = true, config = true } = {}): string {
  const folder = join(directory, `checkpoint-${folders++}`);
  mkdirSync(folder);
  for (const [name, source] of Object.entries(weights)) copyFileSync(join(checkpoint, source), join(folder, name));
  if (config) copyFileSync(join(checkpoint, "config.json"), join(folder, "config.json"));
  if (tokenizer) {
    writeFileSync(join(folder, "vocab.json"), JSON.stringify(bpe.vocab));
    writeFileSync(join(folder, "merges.txt"), `#version: 0.2\n${bpe.merges.join("\n")}\n`);
    // The mask token as published tokenizer.json files describe it.
    const mask = { content: "<mask>", lstrip: true, rstrip: false, single_word: false, normalized: false };
    writeFileSync(join(folder, "special_tokens_map.json"), JSON.stringify({ mask_token: mask }));
  }
  return folder;
}

function runImport(folder: string) {
  const out = `${folder}-out`;
  const record = importCheckpoint({ folder, out, pooling: "mean", maxTokens: 32, source: "here" });
  return { out, record, imported: readExtractorFolder(out) };
}

function largestDifference(folder: string): number {
  const { imported } = runImport(folder);
  const { hiddenStates } = referenceEngine.createEncoder(imported.config, imported.model).forward(Int32Array.from(ids));
  expect(hiddenStates).toHaveLength(hidden.length);
  return Math.max(
    ...hiddenStates.flatMap(({ data }, layer) => [...data].map((x, i) => Math.abs(x - hidden[layer]![i]!))),
  );
}

/** Expects the import to refuse `folder` and to write no folder; returns the refusal's message. */
function refusal(folder: string): string {
  let caught: unknown;
  try {
    runImport(folder);
  } catch (error) {
    caught = error;
  }
  expect((caught as AppError | undefined)?.code).toBe("INVALID_CHECKPOINT");
  expect(existsSync(`${folder}-out`)).toBe(false);
  return (caught as AppError).message;
}

describe("the same hidden states come of a checkpoint saved as", () => {
  const shards = (kind: string) => ({
    [`${kind}.index.json`]: `sharded/${kind}.index.json`,
    ...Object.fromEntries(
      readdirSync(join(checkpoint, "sharded"))
        .filter((name) => /-\d{5}-of-/.test(name))
        .map((name) => [name, `sharded/${name}`]),
    ),
  });
  test.each<[string, Record<string, string>, number]>([
    ["safetensors", { "model.safetensors": "model.safetensors" }, 1e-5],
    ["a PyTorch file", { "pytorch_model.bin": "pytorch_model.bin" }, 1e-5],
    ["a PyTorch file from before 1.6", { "pytorch_model.bin": "pytorch_model-legacy.bin" }, 1e-5],
    ["a PyTorch file of parameters and views", { "pytorch_model.bin": "pytorch_model-views.bin" }, 1e-5],
    ["safetensors in shards", shards("model.safetensors"), 1e-5],
    ["PyTorch files in shards", shards("pytorch_model.bin"), 1e-5],
    ["half-precision safetensors", { "model.safetensors": "model-half.safetensors" }, 1e-2],
    ["a bfloat16 PyTorch file", { "pytorch_model.bin": "pytorch_model-bfloat16.bin" }, 5e-2],
  ])("%s", (_, weights, tolerance) => {
    expect(largestDifference(folderOf(weights))).toBeLessThan(tolerance);
  });
});

describe("the same hidden states come of a checkpoint", () => {
  const weights = parseSafetensors(new Uint8Array(readFileSync(join(checkpoint, "model.safetensors"))));
  const configJson = readFileSync(join(checkpoint, "config.json"), "utf8");

  test.each<[string, Tensor]>([
    ["BOOL", { dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) }],
    ["U16", { dtype: "U16", shape: [2], data: Uint8Array.of(1, 0, 2, 0) }],
    ["F8_E4M3", { dtype: "F8_E4M3", shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ["C64", { dtype: "C64", shape: [1], data: new Uint8Array(8) }],
  ])("with a tensor of type %s that no encoder has", (_, tensor) => {
    const folder = folderOf({});
    const tensors = new Map(weights.tensors).set("extra", tensor);
    writeFileSync(join(folder, "model.safetensors"), serializeSafetensors({ ...weights, tensors }));
    expect(largestDifference(folder)).toBeLessThan(1e-5);
  });

  test.each([
    ["NaN and Infinity", "{", '{ "best_loss": NaN, "worst": [-Infinity, Infinity],'],
    ["another name of its activation", '"hidden_act": "gelu"', '"hidden_act": "gelu_python"'],
  ])("whose config.json has %s", (_, what, instead) => {
    const folder = folderOf({ "model.safetensors": "model.safetensors" });
    const changed = configJson.replace(what, instead);
    expect(changed).not.toBe(configJson);
    writeFileSync(join(folder, "config.json"), changed);
    expect(largestDifference(folder)).toBeLessThan(1e-5);
  });
});

describe("an imported folder", () => {
  const both = { "model.safetensors": "model.safetensors", "pytorch_model.bin": "pytorch_model-hostile.bin" };
  const { out, record, imported } = runImport(folderOf(both));

  test("is ours: float32 weights of the encoder alone, config, tokenizer, and the record of where it came from", () => {
    expect(readdirSync(out).sort()).toEqual(["config.json", "import.json", "model.safetensors", "tokenizer.json"]);
    expect([...imported.model.tensors.keys()].some((name) => /^(roberta|classifier)\./.test(name))).toBe(false);
    expect([...imported.model.tensors.values()].every(({ dtype }) => dtype === "F32")).toBe(true);
    expect(imported).toMatchObject({ pooling: "mean", maxTokens: 32, config: { modelType: "roberta", padTokenId: 1 } });
    expect(record).toMatchObject({ source: "here", modelType: "roberta", vocabularySize: 660 });
    expect(JSON.parse(readFileSync(join(out, "import.json"), "utf8"))).toEqual(record);
  });

  test("tokenizes as the checkpoint's own files say", () => {
    const tokenizer = createTokenizer(imported.tokenizerJson);
    for (const { text, ids: expected } of bpe.cases) {
      expect([...tokenizer.encode(text, { maxTokens: 10_000 }).ids]).toEqual(expected);
    }
  });

  test("is not written over", () => {
    const again = () => importCheckpoint({ folder: out, out, pooling: "cls", maxTokens: 32, source: "here" });
    expect(again).toThrow(`--out ${out} holds files already`);
  });

  test("is a checkpoint itself: imported again it is the same, byte for byte", () => {
    const again = runImport(out);
    expect(again.record.files).toEqual(record.files);
  });
});

describe("config.json and tokenizer files of other kinds", () => {
  const bert = parseSafetensors(new Uint8Array(readFileSync(join(golden, "encoder-deep.safetensors"))));
  const settings = {
    hidden_size: 6,
    num_attention_heads: 6,
    num_hidden_layers: 4,
    intermediate_size: 24,
    vocab_size: 30,
    max_position_embeddings: 40,
    hidden_act: "relu",
    model_type: "bert",
  };
  const tensors = new Map(bert.tensors).set("bert.embeddings.position_embeddings.weight", {
    dtype: "F32",
    shape: [40, 6],
    data: new Float32Array(240),
  });
  const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "One", "one"];

  function bertFolder(changes: Record<string, unknown>, files: Record<string, string> = {}): string {
    const folder = folderOf({}, { tokenizer: false, config: false });
    writeFileSync(join(folder, "model.safetensors"), serializeSafetensors({ tensors, metadata: {} }));
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...settings, ...changes }));
    const named = Object.keys(files).length === 0 ? { "vocab.txt": `${vocab.join("\r\n")}\r\n` } : files;
    for (const [name, content] of Object.entries(named)) writeFileSync(join(folder, name), content);
    return folder;
  }

  test("vocab.txt makes a tokenizer that lower-cases, unless tokenizer_config.json says otherwise", () => {
    const idsOf = (folder: string) => [...createTokenizer(runImport(folder).imported.tokenizerJson).encode("One").ids];
    const cased = { "vocab.txt": vocab.join("\n"), "tokenizer_config.json": '{"do_lower_case":false}' };
    expect(idsOf(bertFolder({}))).toEqual([2, 6, 3]);
    expect(idsOf(bertFolder({}, cased))).toEqual([2, 5, 3]);
  });

  test("a config.json without model_type is read by the tensors' names", () => {
    expect(runImport(bertFolder({ model_type: undefined })).record.modelType).toBe("bert");
  });

  test.each<[string, Record<string, unknown>, Record<string, string>, string]>([
    ["another architecture", { model_type: "gpt2" }, {}, 'config.json: model_type "gpt2" is not one of'],
    ["a wider encoder", { hidden_size: 12 }, {}, "has shape [30,6] where config.json asks for [30,12]"],
    [
      "more layers",
      { num_hidden_layers: 5 },
      {},
      'the weight "encoder.layer.4.attention.self.query.weight" is missing',
    ],
    ["10^9 layers", { num_hidden_layers: 1e9 }, {}, "num_hidden_layers 1000000000 is not a whole number from 1 to 256"],
    ["a table of 10^12 values", { vocab_size: 1e6, hidden_size: 1e6, num_attention_heads: 1 }, {}, "has shape [30,6]"],
    ["code of the publisher's own", { auto_map: { AutoModel: "own.Own" } }, {}, "config.json: auto_map names code"],
    ["quantized weights", { quantization_config: { bits: 4 } }, {}, "config.json: quantization_config stores"],
    ["another tokenizer", { tokenizer_class: "XLNetTokenizer" }, {}, 'config.json: tokenizer_class "XLNetTokenizer"'],
    ["no tokenizer", {}, { "notes.md": "" }, "holds neither tokenizer.json nor vocab.txt, which"],
    ["half a tokenizer", {}, { "vocab.json": "{}" }, "holds neither tokenizer.json"],
    ["a tokenizer that is none", {}, { "tokenizer.json": "[]" }, "tokenizer.json: it is not a JSON object"],
    [
      "a vocabulary without [CLS]",
      {},
      { "vocab.txt": "[PAD]\n[UNK]\n[SEP]\n[MASK]\n" },
      "lacks the special token [CLS]",
    ],
    [
      "more tokens than the encoder embeds",
      {},
      { "tokenizer.json": wordPieceTokenizerJson([...vocab, ..."abcdefghijklmnopqrstuvwxyz"], { lowercase: true }) },
      "The tokenizer knows 33 tokens, the encoder only 30",
    ],
  ])("%s: refused", (_, changes, files, message) => {
    expect(refusal(bertFolder(changes, files))).toContain(message);
  });

  test("an adapter beside the weights is refused", () => {
    const files = { "vocab.txt": vocab.join("\n"), "adapter_config.json": "{}" };
    expect(refusal(bertFolder({}, files))).toContain("adapter_config.json: an adapter changes the weights");
  });

  test("more tokens than positions are refused before anything is written", () => {
    const folder = bertFolder({});
    const run = () => importCheckpoint({ folder, out: `${folder}-out`, pooling: "cls", maxTokens: 41, source: "here" });
    expect(run).toThrow("--max-tokens 41: this encoder reads at most 40");
    expect(existsSync(`${folder}-out`)).toBe(false);
  });
});

describe("weights that are missing, wrong or hostile are refused with file and tensor", () => {
  const original = parseSafetensors(new Uint8Array(readFileSync(join(checkpoint, "model.safetensors"))));
  const name = "roberta.encoder.layer.1.output.dense.weight";
  const bytesOf = (file: TensorFile) => serializeSafetensors(file);
  const changed = (tensor: Tensor | undefined) => {
    const tensors = new Map(original.tensors);
    if (tensor === undefined) tensors.delete(name);
    else tensors.set(name, tensor);
    return bytesOf({ ...original, tensors });
  };
  const withHeader = (edit: (json: string) => string) => {
    const bytes = bytesOf(original);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    const header = new TextEncoder().encode(edit(json).padEnd(length));
    expect(header).toHaveLength(length);
    bytes.set(header, 8);
    return bytes;
  };
  const declaring = (length: bigint) => {
    const bytes = bytesOf(original);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const overlapping = withHeader((json) =>
    json.replace(/\[(\d+),(\d+)\](?=[^[]*$)/, (_, begin, end) => `[${Number(begin) - 16},${Number(end) - 16}]`),
  );
  const wrong = (shape: number[], value: number): Tensor => ({
    dtype: "F32",
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value),
  });

  test.each<[string, Uint8Array, string]>([
    [
      "a header of 2^60 bytes",
      declaring(2n ** 60n),
      "model.safetensors: Safetensors file: a header of 1152921504606846976",
    ],
    ["overlapping tensors", overlapping, "data_offsets overlaps the tensor before it"],
    ["a truncated file", bytesOf(original).subarray(0, -100), "the file is truncated"],
    ["a missing weight", changed(undefined), 'the weight "encoder.layer.1.output.dense.weight" is missing'],
    ["a wrong shape", changed(wrong([6, 4], 0)), "has shape [6,4] where config.json asks for [4,6]"],
    ["a NaN", changed(wrong([4, 6], Number.NaN)), 'tensor "encoder.layer.1.output.dense.weight" holds NaN'],
    [
      "whole numbers",
      changed({ dtype: "I8", shape: [4, 6], data: new Int8Array(24) }),
      "is I8 where weights are needed",
    ],
    ["eight-bit floats", changed({ dtype: "F8_E4M3", shape: [4, 6], data: new Uint8Array(24) }), "is F8_E4M3 where"],
    [
      "text",
      new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
      "model.safetensors:",
    ],
  ])("%s", (_, bytes, message) => {
    const folder = folderOf({});
    writeFileSync(join(folder, "model.safetensors"), bytes);
    const said = refusal(folder);
    expect(said).toContain(message);
    expect(said).toContain(folder);
  });

  test("a pickle with code in it, by the name of what it would have called", () => {
    const folder = folderOf({ "pytorch_model.bin": "pytorch_model-hostile.bin" });
    expect(refusal(folder)).toBe(
      `${join(folder, "pytorch_model.bin")}: the pickle names posix.system, which is refused: only tensors are read, and no code is run`,
    );
  });

  test.each<[string, unknown, string]>([
    [
      "reaches out of its folder",
      { weight_map: { w: "../../etc/passwd.bin" } },
      'weight_map: "../../etc/passwd.bin" is no',
    ],
    ["names a file that is not there", { weight_map: { w: "other.safetensors" } }, "other.safetensors is missing"],
    [
      "names a tensor its file does not hold",
      { weight_map: { w: "model-1.safetensors" } },
      '"w" is in model-1.safetensors',
    ],
    ["has no weight_map", { metadata: {} }, "weight_map is not an object of file names"],
  ])("an index that %s", (_, index, message) => {
    const folder = folderOf({ "model-1.safetensors": "model.safetensors" });
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
    expect(refusal(folder)).toContain(message);
  });

  test("a folder without weights, without a config.json, and one that is not there", () => {
    expect(refusal(folderOf({}))).toContain("holds none of model.safetensors, model.safetensors.index.json");
    const bare = folderOf({ "model.safetensors": "model.safetensors" }, { config: false });
    expect(refusal(bare)).toBe(`${join(bare, "config.json")} is missing`);
    expect(refusal(join(directory, "nowhere"))).toContain("config.json is missing");
  });
});
