// Encoders of chosen or random weights, and odd shapes for tests that hold one engine equal to another.

import type { BertConfig, EncoderConfig, RobertaConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import type { Random } from "@attune/ml/tensor/random";
import type { TensorFile } from "@attune/ml/tensor/safetensors";

const roberta = { modelType: "roberta", padTokenId: 1, maxPositionEmbeddings: 130, layerNormEps: 1e-5 } as const;
/**
 * Widths that are no multiple of anything, one of everything, and each option of the architectures over BERT's layers.
 */
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

/** Every weight that the encoder of `config` reads. `values` gives the values of each tensor by its name and shape. */
export function encoderFile(
  config: EncoderConfig,
  values: (name: string, shape: readonly number[]) => (position: number) => number,
): TensorFile {
  const tensors = [...encoderWeightShapes(config)].map(([name, shape]) => {
    const value = values(name, shape);
    const length = shape.reduce((x, y) => x * y, 1);
    const data = Float32Array.from({ length }, (_, position) => value(position));
    return [name, { dtype: "F32", shape, data }] as const;
  });
  return { tensors: new Map(tensors), metadata: {} };
}

/** The deviation of each kind of weight from its centre: 1 for the weights of norms, else 0. */
export interface Spread {
  readonly words: number;
  /** Embeddings of positions and of token types. */
  readonly places: number;
  /** A linear layer's weights, times the root of its inputs. */
  readonly linear: number;
  readonly biases: number;
  readonly norms: number;
}

/** Values of a trained encoder's size: activations near 1, attention that is neither flat nor one-hot. */
const trained: Spread = { words: 1, places: 0.3, linear: 1.5, biases: 0.1, norms: 0.1 };

export function randomWeights(config: KernelConfig, random: Random, spread = trained): TensorFile {
  return encoderFile(config, (name, shape) => {
    const centre = name.endsWith("LayerNorm.weight") ? 1 : 0;
    const deviation = deviationOf(name, shape, spread);
    return () => (deviation === 0 ? centre : centre + deviation * random.normal());
  });
}

function deviationOf(name: string, shape: readonly number[], spread: Spread): number {
  if (name.includes("LayerNorm")) return spread.norms;
  if (name.includes("word_embeddings")) return spread.words;
  if (name.startsWith("embeddings.")) return spread.places;
  return name.endsWith(".bias") ? spread.biases : spread.linear / Math.sqrt(shape[1]!);
}
