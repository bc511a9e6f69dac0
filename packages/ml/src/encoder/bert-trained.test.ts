// The layers of a real, trained BERT-Tiny against its own float64 check vectors. The data are not part of the repository; bert.test.ts covers the
// same code everywhere on random weights.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { quantizeTensorFile } from "../quantization/int8.js";
import { createMatrix } from "../tensor/matrix.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { createBertLayers } from "./bert.js";
import type { BertConfig } from "./config.js";

const data = process.env.ATTUNE_DATA ?? fileURLToPath(new URL("../../../../../shared/data", import.meta.url));
const weightsPath = `${data}/bert-tiny-encoder/bert_tiny_emotion_encoder_f32.npz`;
const vectorsPath = `${data}/bert-tiny-encoder/check_vectors_f64.npz`;

if (existsSync(weightsPath) && existsSync(vectorsPath)) {
  const vectors = readNpz(vectorsPath);
  const file = renamed(readNpz(weightsPath));
  const x = createMatrix(11, 128, Float32Array.from(vectors.get("embedding_output")!.data as Float64Array));
  const expected = vectors.get("last_hidden")!.data as Float64Array;
  const difference = (tensors: TensorFile) => {
    const last = createBertLayers(bertTiny, tensors)(x).at(-1)!;
    return last.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
  };

  it("reproduces a trained BERT-Tiny's last hidden state to 1e-5", () => {
    expect(difference(file)).toBeLessThan(1e-5);
  });

  it("stays within 0.1 of it with int8 weights", () => {
    expect(difference(quantizeTensorFile(file))).toBeLessThan(0.1);
  });
} else {
  it("is not compared with a trained BERT-Tiny here: its weights are absent (set ATTUNE_DATA to the data folder)", () => {
    process.stderr.write(
      `The trained BERT-Tiny was not compared: ${weightsPath} does not exist; set ATTUNE_DATA to the data folder.\n`,
    );
    expect(existsSync(weightsPath) && existsSync(vectorsPath)).toBe(false);
  });
}

const bertTiny: BertConfig = {
  modelType: "bert",
  vocabSize: 30522,
  hiddenSize: 128,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 512,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: "gelu",
  padTokenId: 0,
};

/** The file's own names in Hugging Face's. */
function renamed(arrays: Map<string, Tensor>): TensorFile {
  const parts: [RegExp, string][] = [
    [/\.(query|key|value)\./, ".attention.self.$1."],
    [/\.attn_out\./, ".attention.output.dense."],
    [/\.inter\./, ".intermediate.dense."],
    [/\.out\./, ".output.dense."],
    [/\.selfoutput_ln\./, ".attention.output.LayerNorm."],
    [/\.output_ln\./, ".output.LayerNorm."],
    [/^layer\./, "encoder.layer."],
  ];
  const tensors = [...arrays].map(
    ([name, tensor]) => [parts.reduce((text, [from, to]) => text.replace(from, to), name), tensor] as const,
  );
  return { tensors: new Map(tensors), metadata: {} };
}

/** An .npz is a zip of .npy files, here stored uncompressed; each is a magic number, a header in Python's notation and the values. */
function readNpz(path: string): Map<string, Tensor> {
  const bytes = readFileSync(path);
  const arrays = new Map<string, Tensor>();
  const end = bytes.lastIndexOf(Buffer.from("PK\u0005\u0006", "latin1"));
  let entry = bytes.readUInt32LE(end + 16);
  for (let count = bytes.readUInt16LE(end + 10); count > 0; count--) {
    const nameLength = bytes.readUInt16LE(entry + 28);
    const name = bytes.toString("utf8", entry + 46, entry + 46 + nameLength);
    const local = bytes.readUInt32LE(entry + 42);
    const npy = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    expect(bytes.readUInt16LE(local + 8), `${name} is compressed`).toBe(0);
    const headerEnd = npy + 10 + bytes.readUInt16LE(npy + 8);
    const header = bytes.toString("latin1", npy + 10, headerEnd);
    const shape = /'shape': \(([\d, ]*)\)/
      .exec(header)![1]!
      .split(",")
      .filter((size) => size.trim() !== "")
      .map(Number);
    const length = shape.reduce((product, size) => product * size, 1);
    const double = header.includes("<f8");
    const values = bytes.buffer.slice(
      bytes.byteOffset + headerEnd,
      bytes.byteOffset + headerEnd + length * (double ? 8 : 4),
    );
    const data = double ? new Float64Array(values) : new Float32Array(values);
    const ordered = header.includes("'fortran_order': True") ? rowMajor(data, shape) : data;
    const tensor: Tensor =
      ordered instanceof Float64Array ? { dtype: "F64", shape, data: ordered } : { dtype: "F32", shape, data: ordered };
    arrays.set(name.replace(/\.npy$/, ""), tensor);
    entry += 46 + nameLength + bytes.readUInt16LE(entry + 30) + bytes.readUInt16LE(entry + 32);
  }
  return arrays;
}

/** Values stored column by column, row by row. */
function rowMajor<T extends Float32Array | Float64Array>(data: T, shape: number[]): T {
  const [rows, cols] = shape as [number, number];
  const result = data.slice() as T;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) result[r * cols + c] = data[c * rows + r]!;
  }
  return result;
}
