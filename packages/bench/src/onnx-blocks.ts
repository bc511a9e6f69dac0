// Parts of an encoder as ONNX nodes, as an exporter writes them: a linear layer (float32, or int8 by dynamic
// quantization), a norm, attention.

import type { BertConfig, MobileBertConfig } from "@attune/ml/encoder/config";
import { type createGraph, microsoft, types } from "./onnx-graph.js";

export const onnxForms = ["plain", "fused"] as const;
export type OnnxForm = (typeof onnxForms)[number];

/** The encoders that the peers run; RoBERTa's layers are BERT's. */
export type OnnxConfig = BertConfig | MobileBertConfig;

export interface Parts<C = BertConfig> {
  readonly graph: ReturnType<typeof createGraph>;
  readonly config: C;
  readonly int8: boolean;
  readonly form: OnnxForm;
  readonly values: (name: string) => Float32Array;
}

export function createBlocks({ graph, config, int8, form, values }: Parts<OnnxConfig>) {
  const { constant, node, nodeOf, scalar } = graph;
  const vector = (name: string) => constant(values(name), [values(name).length]);

  /** Normalises each token; MobileBERT's norm only scales and shifts. */
  function norm(x: string, name: string): string {
    const [weight, bias] = [vector(`${name}.weight`), vector(`${name}.bias`)];
    if (config.modelType === "mobilebert") return node("Add", [node("Mul", [x, weight]), bias]);
    const attributes = { axis: -1, epsilon: { float: config.layerNormEps } };
    return node("LayerNormalization", [x, weight, bias], { attributes });
  }

  /**
   * The input of a linear layer: the activations, or their quantized form, which is shared by the
   * layers that read them.
   */
  const prepare = (x: string): string[] => (int8 ? nodeOf("DynamicQuantizeLinear", [x], { outputs: 3 }) : [x]);

  function linear(prepared: readonly string[], name: string): string {
    const bias = vector(`${name}.bias`);
    const to = values(`${name}.bias`).length;
    const from = values(`${name}.weight`).length / to;
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

  /** query, key, value: (1, tokens, width) each → the context, of the same shape. */
  function attention(inputs: readonly [string, string, string], width: number): string {
    const heads = config.numAttentionHeads;
    if (form === "fused") {
      return node("MultiHeadAttention", inputs, { domain: microsoft, attributes: { num_heads: heads } });
    }
    const split = constant(BigInt64Array.of(1n, -1n, BigInt(heads), BigInt(width / heads)), [4]);
    const [q, k, v] = inputs.map((input, i) => {
      const perm = i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3];
      return node("Transpose", [node("Reshape", [input, split])], { attributes: { perm } });
    }) as [string, string, string];
    const scores = node("Mul", [node("MatMul", [q, k]), scalar(1 / Math.sqrt(width / heads))]);
    const weights = node("Softmax", [scores], { attributes: { axis: -1 } });
    const context = node("Transpose", [node("MatMul", [weights, v])], { attributes: { perm: [0, 2, 1, 3] } });
    return node("Reshape", [context, constant(BigInt64Array.of(1n, -1n, BigInt(width)), [3])]);
  }

  const gather = (table: string, rows: number, indices: string) => {
    const data = values(`embeddings.${table}.weight`);
    return node("Gather", [constant(data, [rows, data.length / rows]), indices], { attributes: { axis: 0 } });
  };
  /** The embedding of the one type that every token has. */
  const type = () =>
    constant(values("embeddings.token_type_embeddings.weight").slice(0, config.hiddenSize), [config.hiddenSize]);

  return { norm, prepare, linear, attention, gather, type };
}

/** (to, from) to (from, to). */
export function transpose(weight: Float32Array, from: number): Float32Array {
  const to = weight.length / from;
  const transposed = new Float32Array(weight.length);
  for (let o = 0; o < to; o++) for (let i = 0; i < from; i++) transposed[i * to + o] = weight[o * from + i]!;
  return transposed;
}

/** Symmetric, one scale a column (an output channel). */
export function quantizeColumns(weight: Float32Array, columns: number): { data: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(columns);
  for (let i = 0; i < weight.length; i++) {
    scales[i % columns] = Math.max(scales[i % columns]!, Math.abs(weight[i]!) / 127);
  }
  const data = Int8Array.from(weight, (value, i) => Math.round(value / (scales[i % columns]! || 1)));
  return { data, scales };
}
