// Writes the same encoder as an ONNX file for the peers, as an exporter would: one node an operation, int8 by dynamic quantization.
// Format: github.com/onnx/onnx, onnx.proto. Only the fields used here are written.

import type { BertConfig } from "@attune/ml/encoder/config";
import { getFloat32, type TensorFile } from "@attune/ml/tensor/safetensors";

const types = { float: 1, int8: 3, int64: 7 } as const;

/** Protocol buffers: a field is a key (number and wire type), then a varint or a length and bytes. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function whole(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function part(field: number, value: Buffer | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

type Attribute = number[] | number | { readonly float: number };

function attribute(name: string, value: Attribute): Buffer {
  if (Array.isArray(value)) {
    return Buffer.concat([part(1, name), ...value.map((item) => signed(8, item)), whole(20, 7)]);
  }
  if (typeof value === "number") return Buffer.concat([part(1, name), signed(3, value), whole(20, 2)]);
  const float = Buffer.alloc(4);
  float.writeFloatLE(value.float);
  return Buffer.concat([part(1, name), varint(2 * 8 + 5), float, whole(20, 1)]);
}

/** Negative whole numbers are ten bytes of two's complement. */
function signed(field: number, value: number): Buffer {
  if (value >= 0) return whole(field, value);
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.concat([varint(field * 8), Buffer.from([...bytes, Number(rest)])]);
    bytes.push(Number(rest & 127n) + 128);
  }
}

function graphBuilder() {
  const nodes: Buffer[] = [];
  const initializers: Buffer[] = [];
  let names = 0;

  function constant(data: Float32Array | Int8Array | BigInt64Array, dims: readonly number[]): string {
    const name = `c${names++}`;
    const type = data instanceof Float32Array ? types.float : data instanceof Int8Array ? types.int8 : types.int64;
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const shape = dims.map((size) => whole(1, size));
    initializers.push(part(5, Buffer.concat([...shape, whole(2, type), part(8, name), part(9, raw)])));
    return name;
  }

  function nodeOf(
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, Attribute> = {},
  ) {
    const results = Array.from({ length: outputs }, () => `v${names++}`);
    const fields = [
      ...inputs.map((name) => part(1, name)),
      ...results.map((name) => part(2, name)),
      part(4, type),
      ...Object.entries(attributes).map(([name, value]) => part(5, attribute(name, value))),
    ];
    nodes.push(part(1, Buffer.concat(fields)));
    return results;
  }

  const node = (type: string, inputs: readonly string[], attributes?: Record<string, Attribute>) =>
    nodeOf(type, inputs, 1, attributes)[0]!;
  const scalar = (value: number) => constant(Float32Array.of(value), []);

  function finish(inputs: readonly string[], output: string): Buffer {
    const info = (field: number, name: string, type: number, dims: readonly (number | string)[]) => {
      const shape = dims.map((size) => part(1, typeof size === "string" ? part(2, size) : whole(1, size)));
      const tensor = Buffer.concat([whole(1, type), part(2, Buffer.concat(shape))]);
      return part(field, Buffer.concat([part(1, name), part(2, part(1, tensor))]));
    };
    const graph = Buffer.concat([
      ...nodes,
      part(2, "bert"),
      ...initializers,
      ...inputs.map((name) => info(11, name, types.int64, [1, "tokens"])),
      info(12, output, types.float, [1, "features"]),
    ]);
    const opset = Buffer.concat([part(1, ""), whole(2, 17)]);
    return Buffer.concat([whole(1, 8), part(7, graph), part(8, opset)]);
  }

  return { constant, node, nodeOf, scalar, finish };
}

/** Inputs `ids` and `positions`, (1, tokens) int64; one output, the mean of the last hidden states. int8: weights a channel, activations a tensor. */
export function onnxBert(config: BertConfig, file: TensorFile, int8: boolean): { model: Buffer; output: string } {
  const { constant, node, nodeOf, scalar, finish } = graphBuilder();
  const { hiddenSize: h, numAttentionHeads: heads, intermediateSize } = config;
  const width = h / heads;
  const values = (name: string) => getFloat32(file, name);
  const half = scalar(0.5);
  const one = scalar(1);
  const root2 = scalar(Math.SQRT2);
  const scaling = scalar(1 / Math.sqrt(width));
  const split = constant(BigInt64Array.of(1n, -1n, BigInt(heads), BigInt(width)), [4]);
  const joined = constant(BigInt64Array.of(1n, -1n, BigInt(h)), [3]);

  const norm = (x: string, name: string) => {
    const weight = constant(values(`${name}.weight`), [h]);
    const bias = constant(values(`${name}.bias`), [h]);
    const attributes = { axis: -1, epsilon: { float: config.layerNormEps } };
    return node("LayerNormalization", [x, weight, bias], attributes);
  };

  /** What a linear layer multiplies: the activations, or their quantized form, shared by the layers that read them. */
  const prepare = (x: string): string[] => (int8 ? nodeOf("DynamicQuantizeLinear", [x], 3) : [x]);

  function linear(prepared: readonly string[], name: string, [from, to]: readonly [number, number]): string {
    const weight = values(`${name}.weight`);
    const bias = constant(values(`${name}.bias`), [to]);
    if (!int8) {
      const transposed = new Float32Array(weight.length);
      for (let o = 0; o < to; o++) for (let i = 0; i < from; i++) transposed[i * to + o] = weight[o * from + i]!;
      return node("Add", [node("MatMul", [prepared[0]!, constant(transposed, [from, to])]), bias]);
    }
    const quantized = new Int8Array(weight.length);
    const scales = new Float32Array(to);
    for (let o = 0; o < to; o++) {
      const row = weight.subarray(o * from, (o + 1) * from);
      const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      scales[o] = scale;
      for (let i = 0; i < from; i++) quantized[i * to + o] = Math.round(row[i]! / scale);
    }
    const [x, scale, zero] = prepared as [string, string, string];
    const zeros = constant(new Int8Array(to), [to]);
    const sums = node("MatMulInteger", [x, constant(quantized, [from, to]), zero, zeros]);
    const factor = node("Mul", [scale, constant(scales, [to])]);
    return node("Add", [node("Mul", [node("Cast", [sums], { to: types.float }), factor]), bias]);
  }

  const embedding = (table: string, rows: number, indices: string) =>
    node("Gather", [constant(values(`embeddings.${table}.weight`), [rows, h]), indices], { axis: 0 });
  const type = constant(values("embeddings.token_type_embeddings.weight").slice(0, h), [h]);
  const words = embedding("word_embeddings", config.vocabSize, "ids");
  const positions = embedding("position_embeddings", config.maxPositionEmbeddings, "positions");
  let x = norm(node("Add", [node("Add", [words, type]), positions]), "embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const input = prepare(x);
    const [q, k, v] = ["query", "key", "value"].map((of, i) => {
      const projected = node("Reshape", [linear(input, `${name}.attention.self.${of}`, [h, h]), split]);
      return node("Transpose", [projected], { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] });
    }) as [string, string, string];
    const weights = node("Softmax", [node("Mul", [node("MatMul", [q, k]), scaling])], { axis: -1 });
    const context = node("Transpose", [node("MatMul", [weights, v])], { perm: [0, 2, 1, 3] });
    const attended = linear(prepare(node("Reshape", [context, joined])), `${name}.attention.output.dense`, [h, h]);
    x = norm(node("Add", [attended, x]), `${name}.attention.output.LayerNorm`);
    const inner = linear(prepare(x), `${name}.intermediate.dense`, [h, intermediateSize]);
    const erf = node("Add", [node("Erf", [node("Div", [inner, root2])]), one]);
    const active = node("Mul", [node("Mul", [inner, erf]), half]);
    const output = linear(prepare(active), `${name}.output.dense`, [intermediateSize, h]);
    x = norm(node("Add", [output, x]), `${name}.output.LayerNorm`);
  }
  const output = node("ReduceMean", [x], { axes: [1], keepdims: 0 });
  return { model: finish(["ids", "positions"], output), output };
}
