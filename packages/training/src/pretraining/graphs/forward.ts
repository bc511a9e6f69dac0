// The inputs of every trainable encoder, and the parts that are the same in each graph: weights by name, attention,
// pooling. B = sentences of the batch, T = tokens of its longest, H = hiddenSize, A = attention heads, U = different
// tokens in the batch.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import type { Random } from "@attune/ml/tensor/random";
import type { Tf } from "../backend/tensorflow.js";
import type { EncoderBatch } from "../data/batches.js";
import { dense, dropout, layerNorm, maxOverTokens, type Tensor, type Tensor2D } from "./layers.js";

export const wordEmbeddings = "embeddings.word_embeddings.weight";

export interface EncoderForward<Config extends EncoderConfig = EncoderConfig> {
  readonly config: Config;
  readonly pooling: Pooling;
  readonly batch: EncoderBatch;
  /** The batch's rows of the word embeddings: (U, H), or MobileBERT's narrower ones. */
  readonly words: Tensor2D;
  /** Every other weight by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly dropoutRate: number;
  /** Draws the dropout masks; only in training. */
  readonly random: Random | undefined;
}

/** The weights as the layers take them. Throws an Error naming a missing weight. */
export function graphParts(tf: Tf, { weights, config, dropoutRate, random }: EncoderForward) {
  const weight = (name: string): Tensor => {
    const found = weights.get(name);
    if (found === undefined) throw new Error(`the weight ${name} is missing`);
    return found;
  };
  const parameters = (name: string) => ({ weight: weight(`${name}.weight`), bias: weight(`${name}.bias`) });
  return {
    weight,
    parameters,
    linear: (x: Tensor2D, name: string) => dense(tf, x, parameters(name)),
    norm: (x: Tensor2D, name: string, epsilon = config.layerNormEps) =>
      layerNorm(tf, x, { ...parameters(name), epsilon }),
    drop: (x: Tensor2D) => dropout(tf, x, { rate: dropoutRate, random }),
  };
}

/** Each token's row of `words`: (B, T, width). */
export function lookUpWords(tf: Tf, { words, batch }: EncoderForward): Tensor {
  const rows = tf.gather(words, tf.tensor1d(batch.rowOfToken, "int32"));
  return rows.reshape([batch.sentences, batch.tokens, words.shape[1]]);
}

/** (B, 1, 1, T), added to the scores: after the softmax, -1e9 gives a padded position a weight of exactly zero. */
export function attentionBias(tf: Tf, { mask, sentences, tokens }: EncoderBatch): Tensor {
  return tf.mul(tf.sub(tf.tensor(mask, [sentences, 1, 1, tokens]), 1), 1e9);
}

interface AttentionInput {
  /** Each (B * T, width), the heads side by side in the columns. */
  readonly query: Tensor2D;
  readonly key: Tensor2D;
  readonly value: Tensor2D;
  readonly bias: Tensor;
  readonly heads: number;
  readonly batch: EncoderBatch;
}

/** Scaled dot-product attention (Vaswani et al. 2017, section 3.2): (B * T, width). */
export function attention(tf: Tf, { query, key, value, bias, heads, batch }: AttentionInput): Tensor2D {
  const { sentences: B, tokens: T } = batch;
  const width = query.shape[1];
  const D = width / heads;
  const split = (x: Tensor2D, order: number[]) => tf.transpose(x.reshape([B, T, heads, D]), order);
  const keyTransposed = split(key, [0, 2, 3, 1]); // (B, A, D, T)
  const products = tf.matMul(split(query, [0, 2, 1, 3]), keyTransposed);
  const scores = tf.add(tf.mul(products, 1 / Math.sqrt(D)), bias);
  const mixed = tf.matMul(tf.softmax(scores), split(value, [0, 2, 1, 3])); // (B, A, T, D)
  return tf.transpose(mixed, [0, 2, 1, 3]).reshape([B * T, width]) as Tensor2D;
}

/**
 * Pools as packages/ml does: over the real tokens, special ones included. hidden: (B * T, H) → (B, H), or
 * (B, 2H) for mean-max.
 */
export function poolTokens(tf: Tf, hidden: Tensor2D, { batch, pooling, config }: EncoderForward): Tensor2D {
  const { sentences: B, tokens: T, mask } = batch;
  const H = config.hiddenSize;
  const tokens = hidden.reshape([B, T, H]);
  if (pooling === "cls") return tf.slice(tokens, [0, 0, 0], [B, 1, H]).reshape([B, H]) as Tensor2D;
  const shares = new Float32Array(B * T);
  for (let b = 0; b < B; b++) {
    const row = mask.subarray(b * T, (b + 1) * T);
    const count = row.reduce((sum, value) => sum + value, 0);
    for (let t = 0; t < T; t++) shares[b * T + t] = row[t]! / count;
  }
  const mean = tf.matMul(tf.tensor(shares, [B, 1, T]), tokens).reshape([B, H]) as Tensor2D;
  if (pooling === "mean") return mean;
  return tf.concat([mean, maxOverTokens(tf, tokens, mask)], 1);
}
