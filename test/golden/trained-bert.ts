// A trained BERT-Tiny encoder with its own float64 check vectors. The data are not part of the repository:
// ATTUNE_DATA names their folder.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BertConfig } from "@attune/ml/encoder/config";
import { factorize, solveInPlace } from "@attune/ml/linalg/cholesky";
import { halveTensorFile } from "@attune/ml/quantization/fp16";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import type { Tensor, TensorFile } from "@attune/ml/tensor/safetensors";
import { dataFolder } from "../requirements.js";

/** The files within the data folder: the weights, and the vectors to check them with. */
export const trainedFiles = [
  "bert-tiny-encoder/bert_tiny_emotion_encoder_f32.npz",
  "bert-tiny-encoder/check_vectors_f64.npz",
] as const;

export interface TrainedBert {
  readonly config: BertConfig;
  /** The weights of the layers, without the embeddings. */
  readonly file: TensorFile;
  /** The input of the first layer and the output of the last: (tokens, hiddenSize). */
  readonly embedded: Matrix;
  readonly lastHidden: Float64Array;
}

export function readTrainedBert(): TrainedBert {
  const [weightsPath, vectorsPath] = trainedFiles.map((name) => join(dataFolder, name)) as [string, string];
  const vectors = readNpz(vectorsPath);
  const embedded = createMatrix(11, 128, Float32Array.from(vectors.get("embedding_output")!.data as Float64Array));
  const lastHidden = vectors.get("last_hidden")!.data as Float64Array;
  return { config: bertTiny, file: renamed(readNpz(weightsPath)), embedded, lastHidden };
}

export interface TrainedForm {
  readonly dtype: "float32" | "FP16" | "int8";
  readonly config: BertConfig;
  readonly file: TensorFile;
  readonly ids: Int32Array;
  /** The largest permitted difference of the last hidden state from the float64 one, whose values reach 3. */
  readonly worst: number;
}

/** The whole encoder in every form that weights are stored in, for ids that lead to `embedded`. */
export function trainedForms({ config: layersConfig, file, embedded }: TrainedBert): TrainedForm[] {
  const { config, embeddings } = withEmbeddings(layersConfig, embedded);
  const ids = Int32Array.from({ length: embedded.rows }, (_, i) => i);
  // Measured largest difference and root mean square of each form: 1.9e-6 and 4e-7, 1.1e-3 and 3e-4, 0.05 and 0.013.
  const forms = [
    { dtype: "float32", layers: file, worst: 1e-5 },
    { dtype: "FP16", layers: halveTensorFile(file), worst: 5e-3 },
    { dtype: "int8", layers: quantizeTensorFile(file), worst: 0.1 },
  ] as const;
  return forms.map(({ dtype, layers, worst }) => {
    const tensors = new Map([...layers.tensors, ...embeddings.tensors]);
    return { dtype, config, file: { tensors, metadata: layers.metadata }, ids, worst };
  });
}

/**
 * Embeddings that give `embedded` for the ids 0, 1, 2 …, for an engine that takes ids alone. Every token has a row
 * of its own in the word table. A LayerNorm with weight 1 / u and bias v / u undoes what a LayerNorm does to those
 * rows. For every token x, u ∘ x - v then has mean 0 and variance 1. Gauss and Newton's least steps from u = 1, v =
 * 0 find u and v.
 */
function withEmbeddings(config: BertConfig, embedded: Matrix): { config: BertConfig; embeddings: TensorFile } {
  const { rows, cols, data: x } = embedded;
  const u = new Float64Array(cols).fill(1);
  const v = new Float64Array(cols);
  const z = new Float64Array(rows * cols);
  for (let iteration = 0; iteration < 10; iteration++) {
    for (let i = 0; i < z.length; i++) z[i] = x[i]! * u[i % cols]! - v[i % cols]!;
    const errors = new Float64Array(2 * rows);
    // The derivative of each token's mean and variance by u and v: (2 · rows, 2 · cols).
    const jacobian = new Float64Array(2 * rows * 2 * cols);
    for (let i = 0; i < z.length; i++) {
      const [row, col] = [Math.floor(i / cols), i % cols];
      errors[row]! += z[i]! / cols;
      errors[rows + row]! += z[i]! ** 2 / cols;
      const mean = row * 2 * cols + col;
      const variance = (rows + row) * 2 * cols + col;
      jacobian[mean] = x[i]! / cols;
      jacobian[mean + cols] = -1 / cols;
      jacobian[variance] = (2 * z[i]! * x[i]!) / cols;
      jacobian[variance + cols] = (-2 * z[i]!) / cols;
    }
    for (let row = 0; row < rows; row++) errors[rows + row]! -= 1;
    const step = leastSolution(jacobian, errors);
    for (let col = 0; col < cols; col++) {
      u[col]! -= step[col]!;
      v[col]! -= step[cols + col]!;
    }
  }
  const tensor = (shape: number[], values: Float32Array): Tensor => ({ dtype: "F32", shape, data: values });
  const tensors = new Map<string, Tensor>([
    ["embeddings.word_embeddings.weight", tensor([rows, cols], Float32Array.from(z))],
    ["embeddings.position_embeddings.weight", tensor([rows, cols], new Float32Array(rows * cols))],
    ["embeddings.token_type_embeddings.weight", tensor([1, cols], new Float32Array(cols))],
    [
      "embeddings.LayerNorm.weight",
      tensor(
        [cols],
        Float32Array.from(u, (value) => 1 / value),
      ),
    ],
    [
      "embeddings.LayerNorm.bias",
      tensor(
        [cols],
        Float32Array.from(v, (value, col) => value / u[col]!),
      ),
    ],
  ]);
  const sizes = { vocabSize: rows, maxPositionEmbeddings: rows, typeVocabSize: 1 };
  return { config: { ...config, ...sizes }, embeddings: { tensors, metadata: {} } };
}

/** The shortest y with J y = errors; J: (errors.length, n) with independent rows. */
function leastSolution(jacobian: Float64Array, errors: Float64Array): Float64Array {
  const size = errors.length;
  const n = jacobian.length / size;
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      for (let k = 0; k < n; k++) gram[i * size + j]! += jacobian[i * n + k]! * jacobian[j * n + k]!;
    }
  }
  const factors = errors.slice();
  solveInPlace(factorize(gram, size), factors);
  const solution = new Float64Array(n);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < n; k++) solution[k]! += factors[i]! * jacobian[i * n + k]!;
  }
  return solution;
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

/** Renames the file's arrays to Hugging Face's names. */
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

/**
 * An .npz is a zip of .npy files, here stored uncompressed. Each .npy is a magic number, a header in Python's
 * notation and the values.
 */
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
    if (bytes.readUInt16LE(local + 8) !== 0) throw new Error(`${path}: ${name} is compressed`);
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

/** Reorders values stored column by column into row-major order. */
function rowMajor<T extends Float32Array | Float64Array>(data: T, shape: number[]): T {
  const [rows, cols] = shape as [number, number];
  const result = data.slice() as T;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) result[r * cols + c] = data[c * rows + r]!;
  }
  return result;
}
