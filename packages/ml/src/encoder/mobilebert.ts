// MobileBERT's encoder (Sun et al. 2020; Hugging Face Transformers' modeling_mobilebert.py), read from top to
// bottom: load, embed, layer by layer. A layer works inside a bottleneck, narrower than the states between layers,
// and stacks several feed-forward networks.

import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { activate } from "./activations.js";
import { attentionWidth, type MobileBertConfig } from "./config.js";
import type { Encoder, EncoderOutput } from "./encoder.js";
import { checkInput } from "./input.js";
import {
  addEmbedding,
  addInPlace,
  type EmbeddingTable,
  type Linear,
  layerNorm,
  linear,
  scaleAndShift,
  selfAttention,
} from "./layers.js";
import { type EncoderWeights, encoderWeights } from "./weights.js";

/** In place: NoNorm (scale and shift alone) or layer normalisation, as the config says. */
type Normalise = (x: Matrix) => void;

/** A linear map, and the norm that is applied to the map's output with the residual added. */
interface NormedLinear {
  readonly dense: Linear;
  readonly norm: Normalise;
}

interface FeedForward {
  readonly intermediate: Linear;
  readonly output: NormedLinear;
}

/** The maps by which a layer leaves its full width, and by which it returns to that width. */
interface Bottleneck {
  readonly input: NormedLinear;
  /** Query and key read this map where they share a bottleneck of their own. */
  readonly attention: NormedLinear | undefined;
  readonly output: NormedLinear;
}

interface MobileBertLayer {
  readonly bottleneck: Bottleneck | undefined;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attentionOutput: NormedLinear;
  /** All networks, the layer's last network included. */
  readonly feedForwards: readonly FeedForward[];
}

interface MobileBertEmbeddings {
  readonly words: EmbeddingTable;
  readonly positions: EmbeddingTable;
  readonly types: EmbeddingTable;
  /** Maps a word embedding, or three of them side by side, to hiddenSize; undefined where the widths agree already. */
  readonly transformation: Linear | undefined;
  readonly norm: Normalise;
}

/**
 * Makes an encoder from tensors under Hugging Face's names, with or without the `mobilebert.` prefix. Int8 tensors with
 * a `<name>.scale` are accepted beside float32. A pooler or task head in the file is not read.
 * Throws MlError naming the tensor that is missing, of another shape or dtype, or not finite. With trigramInput the
 * last real token also sees the token after it, even a padding token and whatever the mask, as in the reference.
 */
export function createMobileBert(config: MobileBertConfig, tensors: TensorFile): Encoder {
  const weights = encoderWeights(tensors, "mobilebert.");
  const embeddings = loadEmbeddings(config, weights);
  const layers = Array.from({ length: config.numHiddenLayers }, (_, i) => loadLayer(config, weights, i));

  function forward(ids: Int32Array, mask?: Uint8Array): EncoderOutput {
    checkInput(config, ids, mask);
    let hidden = embed(embeddings, ids, config);
    const hiddenStates = [hidden];
    for (const layer of layers) {
      hidden = applyLayer(layer, hidden, { config, mask });
      hiddenStates.push(hidden);
    }
    return { hiddenStates };
  }

  return { config, forward };
}

/** The reference builds two of its norms without layer_norm_eps, so these norms keep PyTorch's default. */
const defaultEpsilon = 1e-5;

function loadNorm(config: MobileBertConfig, weights: EncoderWeights, { name, size, epsilon }: NormName): Normalise {
  const parameters = weights.layerNorm(name, size, epsilon);
  return config.normalizationType === "no_norm" ? (x) => scaleAndShift(x, parameters) : (x) => layerNorm(x, parameters);
}

interface NormName {
  readonly name: string;
  readonly size: number;
  readonly epsilon: number;
}

function loadEmbeddings(config: MobileBertConfig, weights: EncoderWeights): MobileBertEmbeddings {
  const { embeddingSize, hiddenSize, trigramInput } = config;
  const transformed = trigramInput || embeddingSize !== hiddenSize;
  const inputSize = trigramInput ? 3 * embeddingSize : embeddingSize;
  const norm = { name: "embeddings.LayerNorm", size: hiddenSize, epsilon: defaultEpsilon };
  return {
    words: weights.embedding("embeddings.word_embeddings", config.vocabSize, embeddingSize),
    positions: weights.embedding("embeddings.position_embeddings", config.maxPositionEmbeddings, hiddenSize),
    types: weights.embedding("embeddings.token_type_embeddings", config.typeVocabSize, hiddenSize),
    transformation: transformed
      ? weights.linear("embeddings.embedding_transformation", inputSize, hiddenSize)
      : undefined,
    norm: loadNorm(config, weights, norm),
  };
}

function loadLayer(config: MobileBertConfig, weights: EncoderWeights, index: number): MobileBertLayer {
  const { hiddenSize, intermediateSize, layerNormEps, useBottleneckAttention, keyQuerySharedBottleneck } = config;
  const width = attentionWidth(config);
  const layer = `encoder.layer.${index}`;
  const normed = (name: string, inFeatures: number, { size, epsilon = layerNormEps }: NormedSize): NormedLinear => ({
    dense: weights.linear(`${name}.dense`, inFeatures, size),
    norm: loadNorm(config, weights, { name: `${name}.LayerNorm`, size, epsilon }),
  });
  const feedForward = (name: string, epsilon?: number): FeedForward => ({
    intermediate: weights.linear(`${name}.intermediate.dense`, width, intermediateSize),
    output: normed(`${name}.output`, intermediateSize, { size: width, ...(epsilon === undefined ? {} : { epsilon }) }),
  });
  const ownAttention = keyQuerySharedBottleneck && !useBottleneckAttention;
  const bottleneck = config.useBottleneck && {
    input: normed(`${layer}.bottleneck.input`, hiddenSize, { size: width }),
    attention: ownAttention ? normed(`${layer}.bottleneck.attention`, hiddenSize, { size: width }) : undefined,
    output: normed(`${layer}.output.bottleneck`, width, { size: hiddenSize }),
  };
  return {
    bottleneck: bottleneck || undefined,
    query: weights.linear(`${layer}.attention.self.query`, width, width),
    key: weights.linear(`${layer}.attention.self.key`, width, width),
    value: weights.linear(`${layer}.attention.self.value`, useBottleneckAttention ? width : hiddenSize, width),
    attentionOutput: normed(`${layer}.attention.output`, width, { size: width }),
    feedForwards: [
      ...Array.from({ length: config.numFeedforwardNetworks - 1 }, (_, i) => feedForward(`${layer}.ffn.${i}`)),
      feedForward(layer, defaultEpsilon),
    ],
  };
}

interface NormedSize {
  readonly size: number;
  readonly epsilon?: number;
}

/** ids: (T) → (T, H): word (with its neighbours), position and type 0, summed and normalised. */
function embed(embeddings: MobileBertEmbeddings, ids: Int32Array, { trigramInput }: MobileBertConfig): Matrix {
  const { words, positions, types, transformation, norm } = embeddings;
  const input = trigramInput ? trigrams(words, ids) : lookUp(words, ids);
  const x = transformation === undefined ? input : linear(input, transformation);
  const place = { data: x.data, offset: 0 };
  for (let t = 0; t < ids.length; t++) {
    addEmbedding(positions, t, place);
    addEmbedding(types, 0, place);
    place.offset += x.cols;
  }
  norm(x);
  return x;
}

/** (T) → (T, E) */
function lookUp(words: EmbeddingTable, ids: Int32Array): Matrix {
  const x = createMatrix(ids.length, words.cols);
  for (const [t, id] of ids.entries()) addEmbedding(words, id, { data: x.data, offset: t * x.cols });
  return x;
}

/** (T) → (T, 3E): each token's follower, the token itself and its predecessor side by side; zeros beyond either end. */
function trigrams(words: EmbeddingTable, ids: Int32Array): Matrix {
  const { cols: width } = words;
  const x = createMatrix(ids.length, 3 * width);
  for (const [t, id] of ids.entries()) {
    if (t > 0) addEmbedding(words, id, { data: x.data, offset: (t - 1) * x.cols });
    addEmbedding(words, id, { data: x.data, offset: t * x.cols + width });
    if (t + 1 < ids.length) addEmbedding(words, id, { data: x.data, offset: (t + 1) * x.cols + 2 * width });
  }
  return x;
}

/**
 * x: (T, H) → (T, H): into the bottleneck, attention, the feed-forward networks one after the other,
 * out of the bottleneck.
 */
function applyLayer(
  layer: MobileBertLayer,
  x: Matrix,
  { config, mask }: { config: MobileBertConfig; mask: Uint8Array | undefined },
): Matrix {
  const { bottleneck } = layer;
  const inside = bottleneck === undefined ? x : applyNormed(x, bottleneck.input);
  const attentionInput = config.useBottleneckAttention ? inside : x;
  const shared = bottleneck?.attention === undefined ? attentionInput : applyNormed(x, bottleneck.attention);
  const context = selfAttention({
    query: linear(shared, layer.query),
    key: linear(shared, layer.key),
    value: linear(attentionInput, layer.value),
    heads: config.numAttentionHeads,
    mask,
  });
  let hidden = applyNormed(context, layer.attentionOutput, inside);
  for (const { intermediate, output } of layer.feedForwards) {
    const inner = linear(hidden, intermediate);
    activate(inner.data, config.hiddenAct);
    hidden = applyNormed(inner, output, hidden);
  }
  return bottleneck === undefined ? hidden : applyNormed(hidden, bottleneck.output, x);
}

/** x: (T, in), residual: (T, out) → norm(dense(x) + residual): (T, out). */
function applyNormed(x: Matrix, { dense, norm }: NormedLinear, residual?: Matrix): Matrix {
  const result = linear(x, dense);
  if (residual !== undefined) addInPlace(result, residual);
  norm(result);
  return result;
}
