// BERT's encoder (Devlin et al. 2019; Hugging Face Transformers' modeling_bert.py), read from top to bottom: load,
// embed, layer by layer.

import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { activate } from "./activations.js";
import type { BertConfig } from "./config.js";
import type { Encoder, EncoderOutput } from "./encoder.js";
import { checkInput } from "./input.js";
import {
  addEmbedding,
  addInPlace,
  type EmbeddingTable,
  type LayerNorm,
  type Linear,
  layerNorm,
  linear,
  selfAttention,
} from "./layers.js";
import { type EncoderWeights, encoderWeights } from "./weights.js";

interface BertLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attentionOutput: Linear;
  readonly attentionNorm: LayerNorm;
  readonly intermediate: Linear;
  readonly output: Linear;
  readonly outputNorm: LayerNorm;
}

interface BertEmbeddings {
  readonly words: EmbeddingTable;
  readonly positions: EmbeddingTable;
  readonly types: EmbeddingTable;
  readonly norm: LayerNorm;
}

/**
 * Makes an encoder from tensors under Hugging Face's names, with or without the `bert.` prefix.
 * Int8 tensors with a `<name>.scale` are accepted beside float32. A pooler or task head in the file is not read.
 * Throws MlError naming the tensor that is missing, of another shape or dtype, or not finite.
 */
export function createBert(config: BertConfig, tensors: TensorFile): Encoder {
  const embeddings = loadEmbeddings(config, encoderWeights(tensors, prefix));
  const layers = createBertLayers(config, tensors);

  function forward(ids: Int32Array, mask?: Uint8Array): EncoderOutput {
    checkInput(config, ids, mask);
    return { hiddenStates: layers(embed(embeddings, ids), mask) };
  }

  return { config, forward };
}

/** x: (T, H), mask: (T) → x, then each layer's output. */
type BertLayers = (x: Matrix, mask?: Uint8Array) => Matrix[];

/** The layers alone, for a checkpoint without embedding tables. Their input is the embeddings' normalised output. */
export function createBertLayers(config: BertConfig, tensors: TensorFile): BertLayers {
  const weights = encoderWeights(tensors, prefix);
  const layers = Array.from({ length: config.numHiddenLayers }, (_, i) => loadLayer(config, weights, i));

  return (x, mask) => {
    const hiddenStates = [x];
    let hidden = x;
    for (const layer of layers) {
      hidden = applyLayer(layer, hidden, { config, mask });
      hiddenStates.push(hidden);
    }
    return hiddenStates;
  };
}

/** A checkpoint that was saved together with a task head has this prefix before every name. */
const prefix = "bert.";

function loadEmbeddings(config: BertConfig, weights: EncoderWeights): BertEmbeddings {
  const { hiddenSize } = config;
  return {
    words: weights.embedding("embeddings.word_embeddings", config.vocabSize, hiddenSize),
    positions: weights.embedding("embeddings.position_embeddings", config.maxPositionEmbeddings, hiddenSize),
    types: weights.embedding("embeddings.token_type_embeddings", config.typeVocabSize, hiddenSize),
    norm: weights.layerNorm("embeddings.LayerNorm", hiddenSize, config.layerNormEps),
  };
}

function loadLayer(config: BertConfig, weights: EncoderWeights, index: number): BertLayer {
  const { hiddenSize, intermediateSize, layerNormEps } = config;
  const name = `encoder.layer.${index}`;
  return {
    query: weights.linear(`${name}.attention.self.query`, hiddenSize, hiddenSize),
    key: weights.linear(`${name}.attention.self.key`, hiddenSize, hiddenSize),
    value: weights.linear(`${name}.attention.self.value`, hiddenSize, hiddenSize),
    attentionOutput: weights.linear(`${name}.attention.output.dense`, hiddenSize, hiddenSize),
    attentionNorm: weights.layerNorm(`${name}.attention.output.LayerNorm`, hiddenSize, layerNormEps),
    intermediate: weights.linear(`${name}.intermediate.dense`, hiddenSize, intermediateSize),
    output: weights.linear(`${name}.output.dense`, intermediateSize, hiddenSize),
    outputNorm: weights.layerNorm(`${name}.output.LayerNorm`, hiddenSize, layerNormEps),
  };
}

/** ids: (T) → (T, H): word, position and type 0, summed and normalised. */
function embed(embeddings: BertEmbeddings, ids: Int32Array): Matrix {
  const { words, positions, types, norm } = embeddings;
  const x = createMatrix(ids.length, words.cols);
  const place = { data: x.data, offset: 0 };
  for (let t = 0; t < ids.length; t++) {
    addEmbedding(words, ids[t]!, place);
    addEmbedding(positions, t, place);
    addEmbedding(types, 0, place);
    place.offset += x.cols;
  }
  layerNorm(x, norm);
  return x;
}

/** x: (T, H) → (T, H): attention, then feed-forward, each added to its input and normalised. */
function applyLayer(
  layer: BertLayer,
  x: Matrix,
  { config, mask }: { config: BertConfig; mask: Uint8Array | undefined },
): Matrix {
  const context = selfAttention({
    query: linear(x, layer.query),
    key: linear(x, layer.key),
    value: linear(x, layer.value),
    heads: config.numAttentionHeads,
    mask,
  });
  const attended = linear(context, layer.attentionOutput);
  addInPlace(attended, x);
  layerNorm(attended, layer.attentionNorm);

  const inner = linear(attended, layer.intermediate);
  activate(inner.data, config.hiddenAct);
  const result = linear(inner, layer.output);
  addInPlace(result, attended);
  layerNorm(result, layer.outputNorm);
  return result;
}
