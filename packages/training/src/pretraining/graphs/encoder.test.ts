// Compares the trainable twins with packages/ml's encoders, and their gradients with PyTorch's: on every golden
// shape, in padded batches.

import { createEncoder } from "@attune/ml/encoder/create-encoder";
import { type Pooling, pool, poolings } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes, weightPrefixes } from "@attune/ml/encoder/weight-shapes";
import { createRandom } from "@attune/ml/tensor/random";
import { getFloat32 } from "@attune/ml/tensor/safetensors";
import { beforeAll, describe, expect, test } from "vitest";
import { type GoldenEncoder, largestOf, readGoldenEncoders } from "../../../../../test/golden/encoders.js";
import { openBackend } from "../backend/backend.js";
import type { Tf } from "../backend/tensorflow.js";
import { assembleBatch } from "../data/batches.js";
import { encoderFeatures, initialValues } from "./encoder.js";
import { wordEmbeddings } from "./forward.js";
import type { Tensor, Tensor2D } from "./layers.js";

let tf: Tf;
beforeAll(async () => {
  ({ tf } = await openBackend("tfjs-wasm"));
});

const encoders = (["encoder", "roberta", "mobilebert"] as const).flatMap(readGoldenEncoders);

function weightValues({ config, file }: GoldenEncoder): Map<string, Float32Array> {
  const prefix = weightPrefixes[config.modelType];
  const names = [...encoderWeightShapes(config).keys()];
  return new Map(names.map((name) => [name, getFloat32(file, file.tensors.has(name) ? name : prefix + name)]));
}

interface Computed {
  readonly features: Float32Array;
  /**
   * Gradients of the sum of the features' squares, by weight; those of the word embeddings are for
   * the batch's rows alone.
   */
  readonly gradients: Map<string, Float32Array>;
  /** The batch's rows of the word embeddings. */
  readonly rows: Float32Array;
}

function compute(encoder: GoldenEncoder, texts: readonly Int32Array[], pooling: Pooling): Computed {
  const { config } = encoder;
  const shapes = encoderWeightShapes(config);
  const values = weightValues(encoder);
  const batch = assembleBatch(texts.map((ids) => ({ ids, target: new Float32Array(0) })));
  const width = shapes.get(wordEmbeddings)![1]!;
  const table = values.get(wordEmbeddings)!;
  const rows = Float32Array.from([...batch.ids].flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]));
  const names = [...shapes.keys()].filter((name) => name !== wordEmbeddings);
  const gradients = new Map<string, Float32Array>();
  let features = new Float32Array(0);
  tf.tidy(() => {
    const inputs = [
      tf.tensor(rows, [batch.ids.length, width]),
      ...names.map((name) => tf.tensor(values.get(name)!, shapes.get(name))),
    ];
    const run = (words: Tensor, weights: Tensor[]) =>
      encoderFeatures(tf, {
        config,
        pooling,
        batch,
        words: words as Tensor2D,
        weights: new Map(names.map((name, i) => [name, weights[i]!])),
        dropoutRate: 0.5,
        random: undefined,
      });
    features = run(inputs[0]!, inputs.slice(1)).dataSync() as Float32Array<ArrayBuffer>;
    const loss = (words: Tensor, ...weights: Tensor[]) => tf.sum(tf.square(run(words, weights)));
    const { grads } = tf.valueAndGrads(loss as (...args: Tensor[]) => import("@tensorflow/tfjs").Scalar)(inputs);
    for (const [i, name] of [wordEmbeddings, ...names].entries()) {
      gradients.set(name, grads[i]!.dataSync() as Float32Array);
    }
  });
  return { features, gradients, rows };
}

describe.each(encoders)("the twin of $config.modelType $name", (encoder) => {
  const { config, file, cases, gradients } = encoder;
  const reference = createEncoder(config, file);
  // The texts have their true lengths, one token included, so that a batch of them is padded.
  const texts = cases.map(({ ids, mask }) =>
    ids.slice(
      0,
      mask.reduce((sum, real) => sum + real, 0),
    ),
  );

  test.each(poolings)("gives the reference engine's features to 1e-5, pooled by %s", (pooling) => {
    const { features } = compute(encoder, texts, pooling);
    const expected = texts.flatMap((ids) => [...pool(reference.forward(ids).hiddenStates.at(-1)!, undefined, pooling)]);
    expect(largestOf(features, expected)).toBeLessThan(1e-5);
  });

  test("gives them for a text of one token alone", () => {
    const { features } = compute(encoder, [Int32Array.of(4)], "mean");
    expect(largestOf(features, reference.forward(Int32Array.of(4)).hiddenStates.at(-1)!.data)).toBeLessThan(1e-5);
  });

  test("has PyTorch's gradient for every weight", () => {
    const ids = gradients.ids.map((text) => Int32Array.from(text));
    const computed = compute(encoder, ids, "mean");
    const values = weightValues(encoder).set(wordEmbeddings, computed.rows);
    expect(Object.keys(gradients.sums).sort()).toEqual([...computed.gradients.keys()].sort());
    for (const [name, gradient] of computed.gradients) {
      const weight = values.get(name)!;
      const [sum, product, absolute] = gradients.sums[name]!;
      const total = (value: (g: number, i: number) => number) =>
        gradient.reduce((running, g, i) => running + value(g, i), 0);
      const tolerance = 1e-4 * (1 + absolute);
      expect(Math.abs(total((g) => g) - sum), name).toBeLessThan(tolerance);
      expect(Math.abs(total((g, i) => g * weight[i]!) - product), name).toBeLessThan(tolerance);
      expect(Math.abs(total((g) => Math.abs(g)) - absolute), name).toBeLessThan(tolerance);
    }
  });

  test("begins with norms of 1, biases of 0 and small weights", () => {
    for (const [name, shape] of encoderWeightShapes(config)) {
      const values = initialValues(name, shape, createRandom(3));
      if (name.endsWith("LayerNorm.weight")) expect(values.every((value) => value === 1)).toBe(true);
      else if (name.endsWith(".bias")) expect(values.every((value) => value === 0)).toBe(true);
      else expect(Math.max(...values.map(Math.abs))).toBeLessThan(0.12);
    }
  });
});
