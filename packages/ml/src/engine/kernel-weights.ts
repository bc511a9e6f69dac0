// An encoder's tensors in the order and form the C kernels take them: checked by name, shape and value before any kernel sees them.
import type { BertConfig, RobertaConfig } from "../encoder/config.js";
import type { EmbeddingTable, LayerNorm } from "../encoder/layers.js";
import { encoderWeights } from "../encoder/weights.js";
import { MlError } from "../error.js";
import { dequantizeRows } from "../quantization/int8.js";
import type { TensorFile } from "../tensor/safetensors.js";

/** The numbers are those of `packages/ml/kernels/encoder.h`. */
export const slots = {
  words: 0,
  positions: 1,
  types: 2,
  embeddingNorm: 3,
  query: 4,
  key: 5,
  value: 6,
  attentionOutput: 7,
  attentionNorm: 8,
  intermediate: 9,
  output: 10,
  outputNorm: 11,
  bias: 16,
} as const;

/** What the kernels compute: BERT's layers. MobileBERT has others. */
export type KernelConfig = BertConfig | RobertaConfig;

/** Rows of one tensor; a vector is one row, a norm two (weight, bias). `scales`, one a row, are there exactly when the values are int8. */
export interface KernelTensor {
  readonly slot: number;
  readonly layer: number;
  readonly cols: number;
  readonly values: Float32Array | Int8Array;
  readonly scales?: Float32Array;
}

export interface KernelWeights {
  /** Linear weights are int8, and activations will be quantized. */
  readonly int8Weights: boolean;
  /** Bit 0: words, bit 1: positions, bit 2: types are int8. */
  readonly int8Tables: number;
  readonly tensors: readonly KernelTensor[];
}

/**
 * Linear layers stay int8 where every one of them is; a file that mixes both is computed in float32.
 * Throws as `createBert` does, and `unsupported` for an activation the kernels lack.
 */
export function kernelWeights(config: KernelConfig, file: TensorFile): KernelWeights {
  const { hiddenSize, intermediateSize, layerNormEps } = config;
  const weights = encoderWeights(file, `${config.modelType}.`);
  const tables = [
    weights.embedding("embeddings.word_embeddings", config.vocabSize, hiddenSize),
    weights.embedding("embeddings.position_embeddings", config.maxPositionEmbeddings, hiddenSize),
    weights.embedding("embeddings.token_type_embeddings", config.typeVocabSize, hiddenSize),
  ];
  const tensors = tables.map((table, i) => tensorOf(table, { slot: slots.words + i, layer: 0 }));
  let int8Tables = 0;
  for (const [i, table] of tables.entries()) {
    if (table.kind === "int8") int8Tables |= 1 << i;
  }
  tensors.push(normTensor(weights.layerNorm("embeddings.LayerNorm", hiddenSize, layerNormEps), slots.embeddingNorm, 0));

  const linears: { table: EmbeddingTable; slot: number; layer: number }[] = [];
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const linear = (part: string, slot: number, [inFeatures, outFeatures]: readonly [number, number]) => {
      linears.push({ table: weights.embedding(`${name}.${part}`, outFeatures, inFeatures), slot, layer });
      const bias = weights.bias(`${name}.${part}`, outFeatures);
      tensors.push({ slot: slot + slots.bias, layer, cols: outFeatures, values: bias });
    };
    const norm = (part: string, slot: number) =>
      tensors.push(normTensor(weights.layerNorm(`${name}.${part}`, hiddenSize, layerNormEps), slot, layer));
    linear("attention.self.query", slots.query, [hiddenSize, hiddenSize]);
    linear("attention.self.key", slots.key, [hiddenSize, hiddenSize]);
    linear("attention.self.value", slots.value, [hiddenSize, hiddenSize]);
    linear("attention.output.dense", slots.attentionOutput, [hiddenSize, hiddenSize]);
    norm("attention.output.LayerNorm", slots.attentionNorm);
    linear("intermediate.dense", slots.intermediate, [hiddenSize, intermediateSize]);
    linear("output.dense", slots.output, [intermediateSize, hiddenSize]);
    norm("output.LayerNorm", slots.outputNorm);
  }
  const int8Weights = linears.every(({ table }) => table.kind === "int8");
  for (const { table, ...place } of linears) {
    tensors.push(tensorOf(int8Weights ? table : inFloat32(table), place));
  }
  return { int8Weights, int8Tables, tensors };
}

/** What encoder_size and encoder_init take: AttuneConfig, thirteen words of which the last is a float32. */
export function kernelConfig(
  config: KernelConfig,
  { int8Weights, int8Tables }: KernelWeights,
  rows: number,
): Uint8Array {
  const activation = (["gelu", "gelu_new", "relu"] as const).indexOf(config.hiddenAct);
  if (activation < 0) {
    throw new MlError("unsupported", `The kernels do not compute hidden_act ${config.hiddenAct}`);
  }
  const words = Int32Array.of(
    config.vocabSize,
    config.hiddenSize,
    config.numHiddenLayers,
    config.numAttentionHeads,
    config.intermediateSize,
    config.maxPositionEmbeddings,
    config.typeVocabSize,
    activation,
    int8Weights ? 1 : 0,
    int8Tables,
    rows,
    config.modelType === "roberta" ? config.padTokenId : -1,
    0,
  );
  new Float32Array(words.buffer)[12] = config.layerNormEps;
  return new Uint8Array(words.buffer);
}

function tensorOf(table: EmbeddingTable, place: { slot: number; layer: number }): KernelTensor {
  const tensor = { ...place, cols: table.cols, values: table.data };
  return table.kind === "int8" ? { ...tensor, scales: table.scale } : tensor;
}

function inFloat32(table: EmbeddingTable): EmbeddingTable {
  if (table.kind === "float32") return table;
  const { rows, cols, data, scale } = table;
  return { kind: "float32", rows, cols, data: dequantizeRows(data, scale) };
}

function normTensor({ weight, bias }: LayerNorm, slot: number, layer: number): KernelTensor {
  const values = new Float32Array(2 * weight.length);
  values.set(weight);
  values.set(bias, weight.length);
  return { slot, layer, cols: weight.length, values };
}
