// The same encoder as an ONNX file for the peers, written twice: plainly, as an exporter writes it (one node an operation), and fused, as
// ONNX Runtime's own optimizer for transformers leaves it. int8 by dynamic quantization. The bench takes whichever runs faster.

import type { BertConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { getFloat32, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createGraph, microsoft, type NodeOptions, types } from "./onnx-graph.js";

export const onnxForms = ["plain", "fused"] as const;
export type OnnxForm = (typeof onnxForms)[number];

export interface OnnxOptions {
  readonly form: OnnxForm;
  readonly int8: boolean;
  readonly pooling: Pooling;
}

/** The inputs are (1, tokens); the plain form takes ids and positions as int64, the fused one ids as int32. */
export interface OnnxModel {
  readonly bytes: Buffer;
  readonly output: string;
  readonly form: OnnxForm;
}

type Graph = ReturnType<typeof createGraph>;

interface Parts {
  readonly graph: Graph;
  readonly config: BertConfig;
  readonly int8: boolean;
  readonly values: (name: string) => Float32Array;
}

export function onnxBert(config: BertConfig, file: TensorFile, { form, int8, pooling }: OnnxOptions): OnnxModel {
  const graph = createGraph();
  const parts: Parts = { graph, config, int8, values: (name) => getFloat32(file, name) };
  const hidden = form === "plain" ? plainEncoder(parts) : fusedEncoder(parts);
  const output = pool(graph, hidden, pooling);
  const inputs =
    form === "plain"
      ? [
          { name: "ids", type: types.int64 },
          { name: "positions", type: types.int64 },
        ]
      : [{ name: "ids", type: types.int32 }];
  return { bytes: graph.finish(inputs, output), output, form };
}

function pool({ constant, node }: Graph, hidden: string, pooling: Pooling): string {
  const over = (type: string) => node(type, [hidden], { attributes: { axes: [1], keepdims: 0 } });
  if (pooling === "mean") return over("ReduceMean");
  if (pooling === "mean-max") {
    return node("Concat", [over("ReduceMean"), over("ReduceMax")], { attributes: { axis: -1 } });
  }
  return node("Gather", [hidden, constant(BigInt64Array.of(0n), [])], { attributes: { axis: 1 } });
}

function plainEncoder({ graph, config, int8, values }: Parts): string {
  const { constant, node, nodeOf, scalar } = graph;
  const { hiddenSize: h, numAttentionHeads: heads, intermediateSize } = config;
  const width = h / heads;
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
    return node("LayerNormalization", [x, weight, bias], { attributes });
  };

  /** What a linear layer multiplies: the activations, or their quantized form, shared by the layers that read them. */
  const prepare = (x: string): string[] => (int8 ? nodeOf("DynamicQuantizeLinear", [x], { outputs: 3 }) : [x]);

  function linear(prepared: readonly string[], name: string, [from, to]: readonly [number, number]): string {
    const bias = constant(values(`${name}.bias`), [to]);
    const weight = transpose(values(`${name}.weight`), from);
    if (!int8) return node("Add", [node("MatMul", [prepared[0]!, constant(weight, [from, to])]), bias]);
    const { data, scales } = quantizeColumns(weight, to);
    const [x, scale, zero] = prepared as [string, string, string];
    const zeros = constant(new Int8Array(to), [to]);
    const sums = node("MatMulInteger", [x, constant(data, [from, to]), zero, zeros]);
    const factor = node("Mul", [scale, constant(scales, [to])]);
    const floats = node("Cast", [sums], { attributes: { to: types.float } });
    return node("Add", [node("Mul", [floats, factor]), bias]);
  }

  const embedding = (table: string, rows: number, indices: string) =>
    node("Gather", [constant(values(`embeddings.${table}.weight`), [rows, h]), indices], { attributes: { axis: 0 } });
  const type = constant(values("embeddings.token_type_embeddings.weight").slice(0, h), [h]);
  const words = embedding("word_embeddings", config.vocabSize, "ids");
  const positions = embedding("position_embeddings", config.maxPositionEmbeddings, "positions");
  let x = norm(node("Add", [node("Add", [words, type]), positions]), "embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const input = prepare(x);
    const [q, k, v] = ["query", "key", "value"].map((of, i) => {
      const projected = node("Reshape", [linear(input, `${name}.attention.self.${of}`, [h, h]), split]);
      return node("Transpose", [projected], { attributes: { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] } });
    }) as [string, string, string];
    const scores = node("Mul", [node("MatMul", [q, k]), scaling]);
    const weights = node("Softmax", [scores], { attributes: { axis: -1 } });
    const context = node("Transpose", [node("MatMul", [weights, v])], { attributes: { perm: [0, 2, 1, 3] } });
    const attended = linear(prepare(node("Reshape", [context, joined])), `${name}.attention.output.dense`, [h, h]);
    x = norm(node("Add", [attended, x]), `${name}.attention.output.LayerNorm`);
    const inner = linear(prepare(x), `${name}.intermediate.dense`, [h, intermediateSize]);
    const erf = node("Add", [node("Erf", [node("Div", [inner, root2])]), one]);
    const active = node("Mul", [node("Mul", [inner, erf]), half]);
    const output = linear(prepare(active), `${name}.output.dense`, [intermediateSize, h]);
    x = norm(node("Add", [output, x]), `${name}.output.LayerNorm`);
  }
  return x;
}

function fusedEncoder({ graph, config, int8, values }: Parts): string {
  const { constant, nodeOf } = graph;
  const { hiddenSize: h, numAttentionHeads: heads, intermediateSize } = config;
  const own = (type: string, inputs: readonly string[], options: NodeOptions = {}) =>
    nodeOf(type, inputs, { ...options, domain: microsoft })[0]!;
  const vector = (name: string) => constant(values(name), [values(name).length]);
  const epsilon = { attributes: { epsilon: { float: config.layerNormEps } } };

  /** x · weight, (from) to (to), without the bias. */
  function product(x: string, weight: Float32Array, [from, to]: readonly [number, number]): string {
    if (!int8) return graph.node("MatMul", [x, constant(weight, [from, to])]);
    const { data, scales } = quantizeColumns(weight, to);
    return own("DynamicQuantizeMatMul", [x, constant(data, [from, to]), constant(scales, [to])]);
  }
  const linear = (x: string, name: string, [from, to]: readonly [number, number]) =>
    product(x, transpose(values(`${name}.weight`), from), [from, to]);
  const addAndNorm = (x: string, skip: string, { norm, bias }: { norm: string; bias: string }) =>
    own("SkipLayerNormalization", [x, skip, vector(`${norm}.weight`), vector(`${norm}.bias`), vector(bias)], epsilon);

  /** Self-attention's projections side by side in one matrix, (h, 3h), as the operator takes them. */
  function attention(x: string, name: string): string {
    const [joined, biases] = [new Float32Array(3 * h * h), new Float32Array(3 * h)];
    for (const [i, part] of ["query", "key", "value"].entries()) {
      const weight = transpose(values(`${name}.${part}.weight`), h);
      for (let row = 0; row < h; row++) joined.set(weight.subarray(row * h, (row + 1) * h), row * 3 * h + i * h);
      biases.set(values(`${name}.${part}.bias`), i * h);
    }
    const attributes = { num_heads: heads };
    if (!int8) return own("Attention", [x, constant(joined, [h, 3 * h]), constant(biases, [3 * h])], { attributes });
    const { data, scales } = quantizeColumns(joined, 3 * h);
    const [quantized, scale, zero] = nodeOf("DynamicQuantizeLinear", [x], { outputs: 3 }) as [string, string, string];
    const [weight, bias, factors] = [constant(data, [h, 3 * h]), constant(biases, [3 * h]), constant(scales, [3 * h])];
    const zeros = constant(new Int8Array(3 * h), [3 * h]);
    return own("QAttention", [quantized, weight, bias, scale, factors, "", zero, zeros], { attributes });
  }

  const words = constant(values("embeddings.word_embeddings.weight"), [config.vocabSize, h]);
  // There is one type of token: its vector is added to every position's beforehand.
  const type = values("embeddings.token_type_embeddings.weight");
  const positions = values("embeddings.position_embeddings.weight").map((value, i) => value + type[i % h]!);
  const tables = [words, constant(positions, [config.maxPositionEmbeddings, h]), ""];
  const norm = [vector("embeddings.LayerNorm.weight"), vector("embeddings.LayerNorm.bias")];
  let x = own("EmbedLayerNormalization", ["ids", "", ...tables, ...norm], { ...epsilon, outputs: 2 });
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const attended = linear(attention(x, `${name}.attention.self`), `${name}.attention.output.dense`, [h, h]);
    const output = `${name}.attention.output`;
    x = addAndNorm(attended, x, { norm: `${output}.LayerNorm`, bias: `${output}.dense.bias` });
    const inner = linear(x, `${name}.intermediate.dense`, [h, intermediateSize]);
    const active = own("BiasGelu", [inner, vector(`${name}.intermediate.dense.bias`)]);
    const outer = linear(active, `${name}.output.dense`, [intermediateSize, h]);
    x = addAndNorm(outer, x, { norm: `${name}.output.LayerNorm`, bias: `${name}.output.dense.bias` });
  }
  return x;
}

/** (to, from) to (from, to). */
function transpose(weight: Float32Array, from: number): Float32Array {
  const to = weight.length / from;
  const transposed = new Float32Array(weight.length);
  for (let o = 0; o < to; o++) for (let i = 0; i < from; i++) transposed[i * to + o] = weight[o * from + i]!;
  return transposed;
}

/** Symmetric, one scale a column (an output channel). */
function quantizeColumns(weight: Float32Array, columns: number): { data: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(columns);
  for (let i = 0; i < weight.length; i++) {
    scales[i % columns] = Math.max(scales[i % columns]!, Math.abs(weight[i]!) / 127);
  }
  const data = Int8Array.from(weight, (value, i) => Math.round(value / (scales[i % columns]! || 1)));
  return { data, scales };
}
