// Writes the same encoder as an ONNX file for the peers in two forms. The plain form has one node an operation; the
// fused form is as ONNX Runtime's optimizer for transformers leaves it. Quantization to int8 is dynamic. The bench
// takes the form that runs faster.

import type { Pooling } from "@attune/ml/encoder/pooling";
import { getFloat32, type TensorFile } from "@attune/ml/tensor/safetensors";
import { createBlocks, type OnnxConfig, type OnnxForm, type Parts, quantizeColumns, transpose } from "./onnx-blocks.js";
import { createGraph, microsoft, type NodeOptions, types } from "./onnx-graph.js";
import { mobileBertEncoder } from "./onnx-mobilebert.js";

interface OnnxOptions {
  readonly form: OnnxForm;
  readonly int8: boolean;
  readonly pooling: Pooling;
}

/** The inputs are (1, tokens), int64: ids and positions. A fused BERT takes ids alone, as int32. */
export interface OnnxModel {
  readonly bytes: Buffer;
  readonly output: string;
  readonly inputs: "ids and positions" | "ids";
}

export function onnxEncoder(config: OnnxConfig, file: TensorFile, { form, int8, pooling }: OnnxOptions): OnnxModel {
  const graph = createGraph();
  const parts = { graph, int8, form, values: (name: string) => getFloat32(file, name) };
  const inputs = config.modelType === "bert" && form === "fused" ? "ids" : "ids and positions";
  const hidden = encoderOf(config, parts);
  const output = pool(graph, hidden, pooling);
  const typed =
    inputs === "ids"
      ? [{ name: "ids", type: types.int32 }]
      : [
          { name: "ids", type: types.int64 },
          { name: "positions", type: types.int64 },
        ];
  return { bytes: graph.finish(typed, output), output, inputs };
}

function encoderOf(config: OnnxConfig, parts: Omit<Parts, "config">): string {
  if (config.modelType === "mobilebert") return mobileBertEncoder({ ...parts, config });
  return parts.form === "plain" ? plainBert({ ...parts, config }) : fusedBert({ ...parts, config });
}

function pool({ constant, node }: Parts["graph"], hidden: string, pooling: Pooling): string {
  const over = (type: string) => node(type, [hidden], { attributes: { axes: [1], keepdims: 0 } });
  if (pooling === "mean") return over("ReduceMean");
  if (pooling === "mean-max") {
    return node("Concat", [over("ReduceMean"), over("ReduceMax")], { attributes: { axis: -1 } });
  }
  return node("Gather", [hidden, constant(BigInt64Array.of(0n), [])], { attributes: { axis: 1 } });
}

function plainBert(parts: Parts): string {
  const { config, graph } = parts;
  const { node, scalar } = graph;
  const { norm, prepare, linear, attention, gather, type } = createBlocks(parts);
  const half = scalar(0.5);
  const one = scalar(1);
  const root2 = scalar(Math.SQRT2);
  const words = gather("word_embeddings", config.vocabSize, "ids");
  const positions = gather("position_embeddings", config.maxPositionEmbeddings, "positions");
  let x = norm(node("Add", [node("Add", [words, type()]), positions]), "embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const input = prepare(x);
    const projected = (part: string) => linear(input, `${name}.attention.self.${part}`);
    const context = attention([projected("query"), projected("key"), projected("value")], config.hiddenSize);
    const attended = linear(prepare(context), `${name}.attention.output.dense`);
    x = norm(node("Add", [attended, x]), `${name}.attention.output.LayerNorm`);
    const inner = linear(prepare(x), `${name}.intermediate.dense`);
    const erf = node("Add", [node("Erf", [node("Div", [inner, root2])]), one]);
    const active = node("Mul", [node("Mul", [inner, erf]), half]);
    x = norm(node("Add", [linear(prepare(active), `${name}.output.dense`), x]), `${name}.output.LayerNorm`);
  }
  return x;
}

function fusedBert({ graph, config, int8, values }: Parts): string {
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
  // There is one type of token, so its vector is added to every position's vector beforehand.
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
