// The trainable twin of packages/ml's BERT: the same encoder in TensorFlow.js operations, with dropout, pooling and a head per task.
// B = sentences of the batch, T = tokens of its longest, H = hiddenSize, A = attention heads, U = different tokens in the batch.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import type { Random } from "@attune/ml/tensor/random";
import type { Tf } from "../backend.js";
import { dense, dropout, gelu, layerNorm, maxOverTokens, type Tensor, type Tensor2D } from "./layers.js";

export const wordEmbeddings = "embeddings.word_embeddings.weight";

/** Every weight's name and shape, as Hugging Face's BertModel names and lays them out (a linear layer is (out, in)). */
export function bertShapes(config: EncoderConfig): Map<string, number[]> {
  const { hiddenSize: h, intermediateSize: i } = config;
  const shapes = new Map<string, number[]>();
  const linear = (name: string, out: number, input: number) => {
    shapes.set(`${name}.weight`, [out, input]);
    shapes.set(`${name}.bias`, [out]);
  };
  const norm = (name: string) => {
    shapes.set(`${name}.weight`, [h]);
    shapes.set(`${name}.bias`, [h]);
  };
  shapes.set(wordEmbeddings, [config.vocabSize, h]);
  shapes.set("embeddings.position_embeddings.weight", [config.maxPositionEmbeddings, h]);
  shapes.set("embeddings.token_type_embeddings.weight", [config.typeVocabSize, h]);
  norm("embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    for (const part of ["query", "key", "value"]) linear(`${prefix}.attention.self.${part}`, h, h);
    linear(`${prefix}.attention.output.dense`, h, h);
    norm(`${prefix}.attention.output.LayerNorm`);
    linear(`${prefix}.intermediate.dense`, i, h);
    linear(`${prefix}.output.dense`, h, i);
    norm(`${prefix}.output.LayerNorm`);
  }
  return shapes;
}

/** BERT's initial weights: normal with deviation 0.02, biases 0, normalisation 1. */
export function initialValues(name: string, shape: readonly number[], random: Random): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (name.endsWith("LayerNorm.weight")) return values.fill(1);
  if (name.endsWith(".bias")) return values;
  return values.map(() => 0.02 * random.normal());
}

export interface BertBatch {
  readonly sentences: number;
  readonly tokens: number;
  /** (B * T): which row of `words` each token is. */
  readonly rowOfToken: Int32Array;
  /** (B * T): 1 for a token, 0 for padding. */
  readonly mask: Float32Array;
}

export interface BertForward {
  readonly config: EncoderConfig;
  readonly pooling: Pooling;
  readonly batch: BertBatch;
  /** The batch's rows of the word embeddings: (U, H). */
  readonly words: Tensor2D;
  /** Every other weight by name. */
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly dropoutRate: number;
  /** Only when training: draws the dropout masks. */
  readonly random: Random | undefined;
}

/** Pooled features: (B, H), or (B, 2H) for mean-max. To be called inside tf.tidy. */
export function bertFeatures(tf: Tf, input: BertForward): Tensor2D {
  const { config, batch, weights } = input;
  const { sentences: B, tokens: T } = batch;
  const H = config.hiddenSize;
  const get = (name: string): Tensor => {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`the weight ${name} is missing`);
    return weight;
  };
  const linear = (name: string) => ({ weight: get(`${name}.weight`), bias: get(`${name}.bias`) });
  const norm = (name: string) => ({ ...linear(name), epsilon: config.layerNormEps });
  const drop = (x: Tensor2D) => dropout(tf, x, { rate: input.dropoutRate, random: input.random });

  const words = tf.gather(input.words, tf.tensor1d(batch.rowOfToken, "int32")).reshape([B, T, H]);
  const positions = tf.slice(get("embeddings.position_embeddings.weight"), [0, 0], [T, H]);
  const type = tf.slice(get("embeddings.token_type_embeddings.weight"), [0, 0], [1, H]);
  const sum = tf.add(words, tf.add(positions, type)).reshape([B * T, H]) as Tensor2D;
  let hidden = drop(layerNorm(tf, sum, norm("embeddings.LayerNorm")));

  // -1e9 leaves a padded position a weight of exactly zero after the softmax.
  const mask = tf.tensor(batch.mask, [B, 1, 1, T]);
  const attentionMask = tf.mul(tf.sub(mask, 1), 1e9);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const prefix = `encoder.layer.${layer}`;
    const attended = attention(tf, { hidden, attentionMask, linear, prefix, config, batch });
    const projected = drop(dense(tf, attended, linear(`${prefix}.attention.output.dense`)));
    hidden = layerNorm(tf, tf.add(hidden, projected), norm(`${prefix}.attention.output.LayerNorm`));
    const inner = gelu(tf, dense(tf, hidden, linear(`${prefix}.intermediate.dense`)));
    const outer = drop(dense(tf, inner, linear(`${prefix}.output.dense`)));
    hidden = layerNorm(tf, tf.add(hidden, outer), norm(`${prefix}.output.LayerNorm`));
  }
  return pool(tf, hidden.reshape([B, T, H]), input);
}

interface AttentionInput {
  readonly hidden: Tensor2D;
  readonly attentionMask: Tensor;
  readonly linear: (name: string) => { weight: Tensor; bias: Tensor };
  readonly prefix: string;
  readonly config: EncoderConfig;
  readonly batch: BertBatch;
}

/** Scaled dot-product attention (Vaswani et al. 2017, section 3.2): (B * T, H) → (B * T, H). */
function attention(tf: Tf, { hidden, attentionMask, linear, prefix, config, batch }: AttentionInput): Tensor2D {
  const { sentences: B, tokens: T } = batch;
  const A = config.numAttentionHeads;
  const D = config.hiddenSize / A;
  const part = (name: string, order: number[]) =>
    tf.transpose(dense(tf, hidden, linear(`${prefix}.attention.self.${name}`)).reshape([B, T, A, D]), order);
  const query = part("query", [0, 2, 1, 3]); // (B, A, T, D)
  const keyTransposed = part("key", [0, 2, 3, 1]); // (B, A, D, T)
  const value = part("value", [0, 2, 1, 3]);
  const scores = tf.add(tf.mul(tf.matMul(query, keyTransposed), 1 / Math.sqrt(D)), attentionMask);
  const mixed = tf.matMul(tf.softmax(scores), value); // (B, A, T, D)
  return tf.transpose(mixed, [0, 2, 1, 3]).reshape([B * T, A * D]) as Tensor2D;
}

/** As packages/ml's pool: over the real tokens, [CLS] and [SEP] included. hidden: (B, T, H). */
function pool(tf: Tf, hidden: Tensor, { batch, pooling, config }: BertForward): Tensor2D {
  const { sentences: B, tokens: T, mask } = batch;
  const H = config.hiddenSize;
  if (pooling === "cls") return tf.slice(hidden, [0, 0, 0], [B, 1, H]).reshape([B, H]) as Tensor2D;
  const shares = new Float32Array(B * T);
  for (let b = 0; b < B; b++) {
    const row = mask.subarray(b * T, (b + 1) * T);
    const count = row.reduce((sum, value) => sum + value, 0);
    for (let t = 0; t < T; t++) shares[b * T + t] = row[t]! / count;
  }
  const mean = tf.matMul(tf.tensor(shares, [B, 1, T]), hidden).reshape([B, H]) as Tensor2D;
  if (pooling === "mean") return mean;
  return tf.concat([mean, maxOverTokens(tf, hidden, mask)], 1);
}
