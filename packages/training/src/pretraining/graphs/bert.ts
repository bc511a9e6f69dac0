// The trainable twin of packages/ml's BERT: the same encoder in TensorFlow.js operations, with dropout.
// Letters as in forward.ts.

import type { Tf } from "../backend/tensorflow.js";
import { attention, attentionBias, type EncoderForward, graphParts, lookUpWords } from "./forward.js";
import { activation, type Tensor2D } from "./layers.js";

/** The last hidden states: (B * T, H). Call it inside tf.tidy. */
export function bertHidden(tf: Tf, input: EncoderForward): Tensor2D {
  const { config, batch } = input;
  const { sentences: B, tokens: T } = batch;
  const H = config.hiddenSize;
  const { weight, linear, norm, drop } = graphParts(tf, input);

  const positions = tf.slice(weight("embeddings.position_embeddings.weight"), [0, 0], [T, H]);
  const type = tf.slice(weight("embeddings.token_type_embeddings.weight"), [0, 0], [1, H]);
  const sum = tf.add(lookUpWords(tf, input), tf.add(positions, type)).reshape([B * T, H]) as Tensor2D;
  let hidden = drop(norm(sum, "embeddings.LayerNorm"));

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
