// The trainable twin of packages/ml's RoBERTa: the same encoder in TensorFlow.js operations, with dropout.
// Letters as in forward.ts.

import type { RobertaConfig } from "@attune/ml/encoder/config";
import type { Tf } from "../backend/tensorflow.js";
import { attention, attentionBias, type EncoderForward, graphParts, lookUpWords } from "./forward.js";
import { activation, type Tensor2D } from "./layers.js";

/** The last hidden states: (B * T, H). Call it inside tf.tidy. */
export function robertaHidden(tf: Tf, input: EncoderForward<RobertaConfig>): Tensor2D {
  const { config, batch } = input;
  const { sentences: B, tokens: T } = batch;
  const H = config.hiddenSize;
  const { weight, linear, norm, drop } = graphParts(tf, input);

  const places = tf.tensor1d(positionsOf(input), "int32");
  const positions = tf.gather(weight("embeddings.position_embeddings.weight"), places);
  const type = tf.slice(weight("embeddings.token_type_embeddings.weight"), [0, 0], [1, H]);
  const words = lookUpWords(tf, input).reshape([B * T, H]);
  let hidden = drop(norm(tf.add(words, tf.add(positions, type)) as Tensor2D, "embeddings.LayerNorm"));

  const bias = attentionBias(tf, batch);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const attended = attention(tf, {
      query: linear(hidden, `${name}.attention.self.query`),
      key: linear(hidden, `${name}.attention.self.key`),
      value: linear(hidden, `${name}.attention.self.value`),
      bias,
      heads: config.numAttentionHeads,
      batch,
    });
    const projected = drop(linear(attended, `${name}.attention.output.dense`));
    hidden = norm(tf.add(hidden, projected), `${name}.attention.output.LayerNorm`);
    const inner = activation(tf, linear(hidden, `${name}.intermediate.dense`), config.hiddenAct);
    const outer = drop(linear(inner, `${name}.output.dense`));
    hidden = norm(tf.add(hidden, outer), `${name}.output.LayerNorm`);
  }
  return hidden;
}

/**
 * (B * T): positions count from padTokenId + 1 in each sentence. Padding, in or after it, has position padTokenId
 * and is not counted.
 */
function positionsOf({ config, batch }: EncoderForward<RobertaConfig>): Int32Array {
  const { padTokenId } = config;
  const { sentences, tokens, ids, rowOfToken, mask } = batch;
  const positions = new Int32Array(sentences * tokens).fill(padTokenId);
  for (let b = 0; b < sentences; b++) {
    let last = padTokenId;
    for (let i = b * tokens; i < (b + 1) * tokens; i++) {
      const row = rowOfToken[i]!;
      const id = ids === undefined ? row : ids[row]!;
      if (mask[i] !== 0 && id !== padTokenId) positions[i] = ++last;
    }
  }
  return positions;
}
