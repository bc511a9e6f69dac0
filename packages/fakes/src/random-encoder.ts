// Encoders of random weights and odd shapes, for tests that hold one engine equal to another.
import type { BertConfig, RobertaConfig } from "@attune/ml/encoder/config";
import type { Random } from "@attune/ml/tensor/random";
import type { Tensor, TensorFile } from "@attune/ml/tensor/safetensors";

const roberta = { modelType: "roberta", padTokenId: 1, maxPositionEmbeddings: 130, layerNormEps: 1e-5 } as const;
/** Widths that are no multiple of anything, one of everything, and each option of the architectures over BERT's layers. */
export const shapes: Shape[] = [
  { hiddenSize: 128, numAttentionHeads: 2, intermediateSize: 512, numHiddenLayers: 2 },
  { hiddenSize: 33, numAttentionHeads: 3, intermediateSize: 77, numHiddenLayers: 3 },
  { hiddenSize: 5, numAttentionHeads: 5, intermediateSize: 1, numHiddenLayers: 1, hiddenAct: "gelu_new" },
  { hiddenSize: 1, numAttentionHeads: 1, intermediateSize: 3, numHiddenLayers: 1 },
  { hiddenSize: 66, numAttentionHeads: 1, intermediateSize: 130, numHiddenLayers: 2, hiddenAct: "relu" },
  { hiddenSize: 320, numAttentionHeads: 4, intermediateSize: 640, numHiddenLayers: 1 },
  { hiddenSize: 48, numAttentionHeads: 4, intermediateSize: 100, numHiddenLayers: 2, ...roberta },
];

export type KernelConfig = BertConfig | RobertaConfig;
type Shape = Partial<Omit<BertConfig, "modelType">> & { modelType?: KernelConfig["modelType"] };

export function configOf(shape: Shape): KernelConfig {
  return {
    modelType: "bert",
    vocabSize: 101,
    hiddenSize: 128,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 512,
    maxPositionEmbeddings: 128,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
    ...shape,
  };
}

/** Weights of a trained encoder's size: activations near 1, attention that is neither flat nor one-hot. */
export function randomWeights(config: KernelConfig, random: Random): TensorFile {
  const tensors = new Map<string, Tensor>();
  const add = (name: string, shape: number[], scale: number, centre = 0) => {
    const data = Float32Array.from(
      { length: shape.reduce((x, y) => x * y, 1) },
      () => centre + scale * random.normal(),
    );
    tensors.set(name, { dtype: "F32", shape, data });
  };
  const { hiddenSize: h, intermediateSize: inner } = config;
  const norm = (name: string) => {
    add(`${name}.weight`, [h], 0.1, 1);
    add(`${name}.bias`, [h], 0.1);
  };
  const linear = (name: string, from: number, to: number) => {
    add(`${name}.weight`, [to, from], 1.5 / Math.sqrt(from));
    add(`${name}.bias`, [to], 0.1);
  };
  add("embeddings.word_embeddings.weight", [config.vocabSize, h], 1);
  add("embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, h], 0.3);
  add("embeddings.token_type_embeddings.weight", [config.typeVocabSize, h], 0.3);
  norm("embeddings.LayerNorm");
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const name = `encoder.layer.${i}`;
    for (const part of ["query", "key", "value"]) linear(`${name}.attention.self.${part}`, h, h);
    linear(`${name}.attention.output.dense`, h, h);
    norm(`${name}.attention.output.LayerNorm`);
    linear(`${name}.intermediate.dense`, h, inner);
    linear(`${name}.output.dense`, inner, h);
    norm(`${name}.output.LayerNorm`);
  }
  return { tensors, metadata: {} };
}
