// Every weight that an encoder reads, with its shape, by Hugging Face's name without a prefix.
// A trained encoder is written from this list, and an imported checkpoint must hold every tensor of it.

import { attentionWidth, type EncoderConfig, type MobileBertConfig, type ModelType } from "./config.js";

/** Name → shape, in a fixed order; a linear layer's weight is (out, in). */
export function encoderWeightShapes(config: EncoderConfig): Map<string, number[]> {
  return config.modelType === "mobilebert" ? mobileBertShapes(config) : bertShapes(config);
}

/** A checkpoint that was saved together with a task head has this prefix before every name. */
export const weightPrefixes: Readonly<Record<ModelType, string>> = {
  bert: "bert.",
  roberta: "roberta.",
  mobilebert: "mobilebert.",
};

/** The shapes of BERT, which RoBERTa shares. */
function bertShapes(config: EncoderConfig): Map<string, number[]> {
  const { hiddenSize, intermediateSize } = config;
  const shapes = new Map<string, number[]>();
  const { linear, norm } = adders(shapes);
  addEmbeddings(shapes, config, hiddenSize);
  norm("embeddings.LayerNorm", hiddenSize);
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = `encoder.layer.${i}`;
    for (const part of ["query", "key", "value"]) linear(`${layer}.attention.self.${part}`, hiddenSize, hiddenSize);
    linear(`${layer}.attention.output.dense`, hiddenSize, hiddenSize);
    norm(`${layer}.attention.output.LayerNorm`, hiddenSize);
    linear(`${layer}.intermediate.dense`, hiddenSize, intermediateSize);
    linear(`${layer}.output.dense`, intermediateSize, hiddenSize);
    norm(`${layer}.output.LayerNorm`, hiddenSize);
  }
  return shapes;
}

function mobileBertShapes(config: MobileBertConfig): Map<string, number[]> {
  const { hiddenSize, intermediateSize, embeddingSize, trigramInput, useBottleneckAttention } = config;
  const width = attentionWidth(config);
  const shapes = new Map<string, number[]>();
  const { linear, norm } = adders(shapes);
  const normed = (name: string, inFeatures: number, outFeatures: number) => {
    linear(`${name}.dense`, inFeatures, outFeatures);
    norm(`${name}.LayerNorm`, outFeatures);
  };
  addEmbeddings(shapes, config, embeddingSize);
  if (trigramInput || embeddingSize !== hiddenSize) {
    linear("embeddings.embedding_transformation", trigramInput ? 3 * embeddingSize : embeddingSize, hiddenSize);
  }
  norm("embeddings.LayerNorm", hiddenSize);
  for (let i = 0; i < config.numHiddenLayers; i++) {
    const layer = `encoder.layer.${i}`;
    if (config.useBottleneck) {
      normed(`${layer}.bottleneck.input`, hiddenSize, width);
      if (config.keyQuerySharedBottleneck && !useBottleneckAttention) {
        normed(`${layer}.bottleneck.attention`, hiddenSize, width);
      }
    }
    linear(`${layer}.attention.self.query`, width, width);
    linear(`${layer}.attention.self.key`, width, width);
    linear(`${layer}.attention.self.value`, useBottleneckAttention ? width : hiddenSize, width);
    normed(`${layer}.attention.output`, width, width);
    const feedForwards = Array.from({ length: config.numFeedforwardNetworks - 1 }, (_, k) => `${layer}.ffn.${k}`);
    for (const name of [...feedForwards, layer]) {
      linear(`${name}.intermediate.dense`, width, intermediateSize);
      normed(`${name}.output`, intermediateSize, width);
    }
    if (config.useBottleneck) normed(`${layer}.output.bottleneck`, width, hiddenSize);
  }
  return shapes;
}

function addEmbeddings(shapes: Map<string, number[]>, config: EncoderConfig, wordWidth: number): void {
  shapes.set("embeddings.word_embeddings.weight", [config.vocabSize, wordWidth]);
  shapes.set("embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, config.hiddenSize]);
  shapes.set("embeddings.token_type_embeddings.weight", [config.typeVocabSize, config.hiddenSize]);
}

function adders(shapes: Map<string, number[]>) {
  return {
    linear: (name: string, inFeatures: number, outFeatures: number) => {
      shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
      shapes.set(`${name}.bias`, [outFeatures]);
    },
    norm: (name: string, size: number) => {
      shapes.set(`${name}.weight`, [size]);
      shapes.set(`${name}.bias`, [size]);
    },
  };
}
