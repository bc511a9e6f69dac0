// Text to features: tokenizer, encoder, pooling, DR, in that order. A head is trained on such features and
// refuses any other features.

import { maxInputTokens } from "../encoder/config.js";
import type { Encoder } from "../encoder/encoder.js";
import { type Pooling, pool, pooledSize } from "../encoder/pooling.js";
import { MlError } from "../error.js";
import { createMatrix, type Matrix, matrixFromRows } from "../tensor/matrix.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { DimensionalityReduction } from "./dimensionality-reduction.js";

export interface FeatureExtractor {
  /** The digest of everything that shapes the features (files, engine, pooling, DR), which the caller computes. */
  readonly identity: string;
  readonly featureSize: number;
  /** One text → (featureSize). */
  extract(text: string): Float32Array;
  /**
   * N texts → (N, featureSize). `onProgress` is called after each batch: one text, or a few dozen texts where the
   * engine takes them together.
   */
  extractAll(texts: readonly string[], onProgress?: (done: number, total: number) => void): Matrix;
  /**
   * Token ids, all real, [CLS] and [SEP] included → (featureSize). Golden vectors use this method, to test the
   * engine without the tokenizer.
   */
  encodeIds(ids: Int32Array): Float32Array;
}

export interface FeatureExtractorParts {
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder;
  readonly pooling: Pooling;
  /** Without a reduction, the features are the pooled ones. */
  readonly reduction?: DimensionalityReduction | undefined;
  readonly identity: string;
  /** Longer texts are cut to this many tokens, [CLS] and [SEP] included. */
  readonly maxTokens: number;
}

/**
 * Throws `mismatch` when the tokenizer's vocabulary exceeds the encoder's or the DR's input is not the pooled
 * size, `out-of-range` for maxTokens.
 */
export function createFeatureExtractor(parts: FeatureExtractorParts): FeatureExtractor {
  const { tokenizer, encoder, pooling, reduction, identity, maxTokens } = parts;
  const { hiddenSize, vocabSize } = encoder.config;
  const pooledFeatures = pooledSize(hiddenSize, pooling);
  if (tokenizer.vocabSize > vocabSize) {
    throw new MlError("mismatch", `The tokenizer knows ${tokenizer.vocabSize} tokens, the encoder only ${vocabSize}`);
  }
  if (reduction !== undefined && reduction.inputSize !== pooledFeatures) {
    throw new MlError(
      "mismatch",
      `The DR takes ${reduction.inputSize} features where ${pooling} pooling gives ${pooledFeatures}`,
    );
  }
  const longest = maxInputTokens(encoder.config);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 3 || maxTokens > longest) {
    throw new MlError("out-of-range", `maxTokens ${maxTokens} is not a whole number from 3 to ${longest}`);
  }
  const featureSize = reduction?.outputSize ?? pooledFeatures;

  function encodeIds(ids: Int32Array): Float32Array {
    return reduce(poolTexts([ids])).data;
  }

  /** Pools all texts in one call where the engine has such a call. */
  function poolTexts(texts: readonly Int32Array[]): Matrix {
    if (encoder.pooled !== undefined) return encoder.pooled(texts, pooling);
    return matrixFromRows(texts.map((ids) => pool(encoder.forward(ids).hiddenStates.at(-1)!, undefined, pooling)));
  }

  function reduce(pooled: Matrix): Matrix {
    return reduction === undefined ? pooled : reduction.apply(pooled);
  }

  /** Encodes the text at its true length: padding would cost time and change the last bits. */
  function extract(text: string): Float32Array {
    return encodeIds(tokenizer.encode(text, { maxTokens }).ids);
  }

  function extractAll(texts: readonly string[], onProgress?: (done: number, total: number) => void): Matrix {
    const features = createMatrix(texts.length, featureSize);
    const batchTexts = encoder.pooled === undefined ? 1 : 32;
    for (let first = 0; first < texts.length; first += batchTexts) {
      const batch = texts.slice(first, first + batchTexts);
      const ids = batch.map((text) => tokenizer.encode(text, { maxTokens }).ids);
      features.data.set(reduce(poolTexts(ids)).data, first * featureSize);
      onProgress?.(first + batch.length, texts.length);
    }
    return features;
  }

  return { identity, featureSize, extract, extractAll, encodeIds };
}
