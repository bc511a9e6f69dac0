// BERT-Tiny and BERT-Medium of the paper's shapes with random weights: speed does not depend on what was learned.

import type { BertConfig } from "@attune/ml/encoder/config";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tensor, TensorFile } from "@attune/ml/tensor/safetensors";

export type ModelName = "tiny" | "medium";

export function bertConfig(model: ModelName, vocabSize: number): BertConfig {
  const tiny = model === "tiny";
  return {
    modelType: "bert",
    vocabSize,
    hiddenSize: tiny ? 128 : 512,
    numHiddenLayers: tiny ? 2 : 8,
    numAttentionHeads: tiny ? 2 : 8,
    intermediateSize: tiny ? 512 : 2048,
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
  };
}

export function randomBert(config: BertConfig, seed: number): TensorFile {
  const random = createRandom(seed);
  const tensors = new Map<string, Tensor>();
  const add = (name: string, shape: number[], [centre, scale]: readonly [number, number]) => {
    const data = new Float32Array(shape.reduce((x, y) => x * y, 1));
    // Uniform: a normal for each of Medium's 40 million would take longer than the benchmark.
    for (let i = 0; i < data.length; i++) data[i] = centre + scale * (2 * random.next() - 1);
    tensors.set(name, { dtype: "F32", shape, data });
  };
  const { hiddenSize, intermediateSize } = config;
  const norm = (name: string) => {
    add(`${name}.weight`, [hiddenSize], [1, 0.1]);
    add(`${name}.bias`, [hiddenSize], [0, 0.1]);
  };
  const linear = (name: string, from: number, to: number) => {
    add(`${name}.weight`, [to, from], [0, 1.7 / Math.sqrt(from)]);
    add(`${name}.bias`, [to], [0, 0.1]);
  };
  add("embeddings.word_embeddings.weight", [config.vocabSize, hiddenSize], [0, 1]);
  add("embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, hiddenSize], [0, 0.3]);
  add("embeddings.token_type_embeddings.weight", [config.typeVocabSize, hiddenSize], [0, 0.3]);
  norm("embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    for (const part of ["query", "key", "value"]) linear(`${name}.attention.self.${part}`, hiddenSize, hiddenSize);
    linear(`${name}.attention.output.dense`, hiddenSize, hiddenSize);
    norm(`${name}.attention.output.LayerNorm`);
    linear(`${name}.intermediate.dense`, hiddenSize, intermediateSize);
    linear(`${name}.output.dense`, intermediateSize, hiddenSize);
    norm(`${name}.output.LayerNorm`);
  }
  return { tensors, metadata: {} };
}

/** Operations of one forward (a multiply and an add count two): matrix products of the layers, attention included. */
export function forwardOperations(config: BertConfig, tokens: number): number {
  const { hiddenSize: h, intermediateSize: inner, numHiddenLayers } = config;
  return 2 * numHiddenLayers * tokens * (4 * h * h + 2 * h * inner + 2 * tokens * h);
}
