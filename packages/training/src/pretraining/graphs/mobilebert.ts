// The trainable twin of packages/ml's MobileBERT: the same encoder in TensorFlow.js operations, with dropout.
// Letters as in forward.ts.

import type { MobileBertConfig } from "@attune/ml/encoder/config";
import type { Tf } from "../backend/tensorflow.js";
import { attention, attentionBias, type EncoderForward, graphParts, lookUpWords } from "./forward.js";
import { activation, scaleAndShift, type Tensor, type Tensor2D } from "./layers.js";

/** The reference builds two of its norms without layer_norm_eps, so they keep PyTorch's default. */
const defaultEpsilon = 1e-5;

/** The last hidden states: (B * T, H). Call it inside tf.tidy. */
export function mobileBertHidden(tf: Tf, input: EncoderForward<MobileBertConfig>): Tensor2D {
  const { config, batch } = input;
  const { sentences: B, tokens: T } = batch;
  const H = config.hiddenSize;
  const { weight, parameters, linear, norm: normalised, drop } = graphParts(tf, input);
  const norm = (x: Tensor2D, name: string, epsilon?: number) =>
    config.normalizationType === "no_norm" ? scaleAndShift(tf, x, parameters(name)) : normalised(x, name, epsilon);
  /** A linear layer, the addition of a residual, and the norm after it. */
  const normed = (x: Tensor2D, name: string, { residual, epsilon }: { residual?: Tensor2D; epsilon?: number } = {}) => {
    const projected = linear(x, `${name}.dense`);
    return norm(residual === undefined ? projected : tf.add(projected, residual), `${name}.LayerNorm`, epsilon);
  };

  const words = config.trigramInput ? trigrams(tf, input) : lookUpWords(tf, input);
  const rows = words.reshape([B * T, words.shape[2]!]) as Tensor2D;
  const transformed = config.trigramInput || config.embeddingSize !== H;
  const embedded = transformed ? linear(rows, "embeddings.embedding_transformation") : rows;
  const positions = tf.slice(weight("embeddings.position_embeddings.weight"), [0, 0], [T, H]);
  const type = tf.slice(weight("embeddings.token_type_embeddings.weight"), [0, 0], [1, H]);
  const sum = tf.add(embedded.reshape([B, T, H]), tf.add(positions, type)).reshape([B * T, H]) as Tensor2D;
  let hidden = drop(norm(sum, "embeddings.LayerNorm", defaultEpsilon));

  const bias = attentionBias(tf, batch);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const inside = config.useBottleneck ? normed(hidden, `${name}.bottleneck.input`) : hidden;
    const attentionInput = config.useBottleneckAttention ? inside : hidden;
    const shares = config.useBottleneck && config.keyQuerySharedBottleneck && !config.useBottleneckAttention;
    const shared = shares ? normed(hidden, `${name}.bottleneck.attention`) : attentionInput;
    const attended = attention(tf, {
      query: linear(shared, `${name}.attention.self.query`),
      key: linear(shared, `${name}.attention.self.key`),
      value: linear(attentionInput, `${name}.attention.self.value`),
      bias,
      heads: config.numAttentionHeads,
      batch,
    });
    let x = normed(attended, `${name}.attention.output`, { residual: inside });
    for (let network = 0; network < config.numFeedforwardNetworks; network++) {
      const isLast = network === config.numFeedforwardNetworks - 1;
      const part = isLast ? name : `${name}.ffn.${network}`;
      const inner = activation(tf, linear(x, `${part}.intermediate.dense`), config.hiddenAct);
      x = normed(inner, `${part}.output`, { residual: x, ...(isLast ? { epsilon: defaultEpsilon } : {}) });
    }
    if (!config.useBottleneck) hidden = x;
    else {
      const widened = drop(linear(x, `${name}.output.bottleneck.dense`));
      hidden = norm(tf.add(widened, hidden), `${name}.output.bottleneck.LayerNorm`);
    }
  }
  return hidden;
}

/**
 * (B, T, 3E): each token's follower, itself and its predecessor side by side; zeros beyond a sentence's ends,
 * wherever its padding begins.
 */
function trigrams(tf: Tf, input: EncoderForward): Tensor {
  const { sentences: B, tokens: T, mask } = input.batch;
  const words = tf.mul(lookUpWords(tf, input), tf.tensor(mask, [B, T, 1]));
  const E = input.words.shape[1];
  const edge = tf.zeros([B, 1, E]);
  if (T === 1) return tf.concat([edge, words, edge], 2);
  const followers = tf.concat([tf.slice(words, [0, 1, 0], [B, T - 1, E]), edge], 1);
  const predecessors = tf.concat([edge, tf.slice(words, [0, 0, 0], [B, T - 1, E])], 1);
  return tf.concat([followers, words, predecessors], 2);
}
