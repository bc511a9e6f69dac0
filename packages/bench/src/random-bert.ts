// BERT-Tiny, BERT-Medium and MobileBERT of the paper's shapes with random weights: speed does not depend
// on what was learned.

import type { BertConfig, EncoderConfig, MobileBertConfig } from "@attune/ml/encoder/config";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { createRandom } from "@attune/ml/tensor/random";
import type { Tensor, TensorFile } from "@attune/ml/tensor/safetensors";

export type ModelName = "tiny" | "medium" | "mobilebert";

const common = { maxPositionEmbeddings: 512, typeVocabSize: 2, layerNormEps: 1e-12, padTokenId: 0 } as const;

export function bertConfig(model: "tiny" | "medium", vocabSize: number): BertConfig {
  const tiny = model === "tiny";
  return {
    ...common,
    modelType: "bert",
    vocabSize,
    hiddenSize: tiny ? 128 : 512,
    numHiddenLayers: tiny ? 2 : 8,
    numAttentionHeads: tiny ? 2 : 8,
    intermediateSize: tiny ? 512 : 2048,
    hiddenAct: "gelu",
  };
}

/** google/mobilebert-uncased */
export function mobileBertConfig(vocabSize: number): MobileBertConfig {
  return {
    ...common,
    modelType: "mobilebert",
    vocabSize,
    hiddenSize: 512,
    numHiddenLayers: 24,
    numAttentionHeads: 4,
    intermediateSize: 512,
    hiddenAct: "relu",
    embeddingSize: 128,
    trigramInput: true,
    useBottleneck: true,
    intraBottleneckSize: 128,
    useBottleneckAttention: false,
    keyQuerySharedBottleneck: true,
    numFeedforwardNetworks: 4,
    normalizationType: "no_norm",
  };
}

export function randomBert(config: EncoderConfig, seed: number): TensorFile {
  const random = createRandom(seed);
  // NoNorm scales by its weight alone, so a smaller weight keeps residual sums from growing from layer to layer.
  const normWeight = config.modelType === "mobilebert" ? 0.7 : 1;
  const tensors = [...encoderWeightShapes(config)].map(([name, shape]): [string, Tensor] => {
    const isVector = shape.length === 1;
    const centre = isVector && name.endsWith(".weight") ? normWeight : 0;
    const data = new Float32Array(shape.reduce((x, y) => x * y, 1));
    const scale = isVector ? 0.1 : scaleOf(name, shape[1]!);
    // Uniform values: normal ones for Medium's 40 million weights would take longer than the benchmark.
    for (let i = 0; i < data.length; i++) data[i] = centre + scale * (2 * random.next() - 1);
    return [name, { dtype: "F32", shape, data }];
  });
  return { tensors: new Map(tensors), metadata: {} };
}

function scaleOf(name: string, inFeatures: number): number {
  if (name.startsWith("embeddings.word_embeddings")) return 1;
  return /^embeddings\.(position|token_type)/.test(name) ? 0.3 : 1.7 / Math.sqrt(inFeatures);
}

/**
 * Operations of one forward (a multiply and an add count as two): the matrix products of
 * the layers, attention included.
 */
export function forwardOperations(config: EncoderConfig, tokens: number): number {
  const linear = [...encoderWeightShapes(config)].reduce((sum, [name, shape]) => {
    const isLinear = shape.length === 2 && (!name.startsWith("embeddings.") || name.includes("transformation"));
    return isLinear ? sum + shape[0]! * shape[1]! : sum;
  }, 0);
  const width = config.modelType === "mobilebert" ? config.intraBottleneckSize : config.hiddenSize;
  return 2 * tokens * (linear + 2 * config.numHiddenLayers * tokens * width);
}
