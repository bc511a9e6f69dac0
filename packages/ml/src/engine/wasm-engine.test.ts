import { readFileSync } from "node:fs";
import { configOf, type KernelConfig, randomWeights, shapes } from "@attune/fakes/random-encoder";
import { describe, expect, test } from "vitest";
import { pool, poolings } from "../encoder/pooling.js";
import { quantizeTensorFile } from "../quantization/int8.js";
import { createRandom, type Random } from "../tensor/random.js";
import type { Tensor, TensorFile } from "../tensor/safetensors.js";
import { referenceEngine } from "./reference-engine.js";
import { createWasmEngine, hasRelaxedSimd } from "./wasm-engine.js";

const kernel = (name: string) => readFileSync(new URL(`../../kernels/wasm/${name}`, import.meta.url));
const simd128 = kernel("attune-simd128.wasm");
const builds = [
  { name: "simd128", engine: createWasmEngine({ simd128 }) },
  // On a host without relaxed SIMD this is the same build a second time.
  {
    name: `relaxed (${hasRelaxedSimd() ? "known here" : "unknown here, simd128 instead"})`,
    engine: createWasmEngine({ simd128, relaxed: kernel("attune-relaxed.wasm") }),
  },
];
/**
 * Quantized activations may move hidden states near 1 by at most this. The largest difference measured on a
 * Tiny-shaped encoder was 2.5e-4.
 */
const int8Tolerance = 2e-3;

const randomIds = (random: Random, tokens: number, config: KernelConfig) =>
  Int32Array.from({ length: tokens }, () => random.integer(config.vocabSize));

function largestDifference(x: Float32Array, y: Float32Array): number {
  expect(x.length).toBe(y.length);
  // NaN would lose every comparison, so it counts as the largest possible difference.
  return x.reduce((most, value, i) => {
    const difference = Math.abs(value - y[i]!);
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
  }, 0);
}

describe("each build", () => {
  test.each(shapes)("gives the reference's hidden states in float32: %o", (shape) => {
    const config = configOf(shape);
    const random = createRandom(7);
    const file = randomWeights(config, random);
    const reference = referenceEngine.createEncoder(config, file);
    const encoders = builds.map(({ name, engine }) => ({ name, encoder: engine.createEncoder(config, file) }));
    for (const tokens of [1, 2, 3, 4, 5, 7, 8, 12, 31, 32, 33, 64, 127, 128]) {
      const ids = randomIds(random, tokens, config);
      const mask = Uint8Array.from({ length: tokens }, (_, t) => (t === 0 || random.next() < 0.7 ? 1 : 0));
      for (const given of [undefined, mask]) {
        const wanted = reference.forward(ids, given).hiddenStates;
        for (const { name, encoder } of encoders) {
          const states = encoder.forward(ids, given).hiddenStates;
          expect(states.length).toBe(config.numHiddenLayers + 1);
          for (const [i, state] of states.entries()) {
            expect(largestDifference(state.data, wanted[i]!.data), `the ${name} build`).toBeLessThan(2e-5);
          }
        }
      }
    }
  });

  test.each(shapes.filter(({ hiddenSize }) => hiddenSize! > 5))("stays near it in int8: %o", (shape) => {
    const config = configOf(shape);
    const random = createRandom(8);
    const file = quantizeTensorFile(randomWeights(config, random));
    const reference = referenceEngine.createEncoder(config, file);
    const encoders = builds.map(({ name, engine }) => ({ name, encoder: engine.createEncoder(config, file) }));
    for (const tokens of [1, 3, 9, 32, 128]) {
      const ids = randomIds(random, tokens, config);
      const wanted = reference.forward(ids).hiddenStates.at(-1)!;
      for (const { name, encoder } of encoders) {
        const state = encoder.forward(ids).hiddenStates.at(-1)!;
        expect(largestDifference(state.data, wanted.data), `the ${name} build`).toBeLessThan(int8Tolerance);
      }
    }
  });
});

describe.each(builds)("the $name build", ({ engine }) => {
  test("pools a batch of texts of any lengths as one text at a time, to the last bit", () => {
    const config = configOf({});
    const random = createRandom(9);
    const file = quantizeTensorFile(randomWeights(config, random));
    const encoder = engine.createEncoder(config, file);
    const texts = Array.from({ length: 75 }, () => randomIds(random, 1 + random.integer(40), config));
    for (const pooling of poolings) {
      const together = encoder.pooled!(texts, pooling);
      for (const [i, ids] of texts.entries()) {
        const alone = encoder.pooled!([ids], pooling).data;
        expect(together.data.subarray(i * alone.length, (i + 1) * alone.length)).toEqual(alone);
        const wanted = pool(encoder.forward(ids).hiddenStates.at(-1)!, undefined, pooling);
        expect(largestDifference(alone, wanted)).toBeLessThan(1e-6);
      }
    }
  });

  test("accepts a file that mixes int8 and float32, or quantizes the embeddings alone", () => {
    const config = configOf({ hiddenSize: 24, numAttentionHeads: 3, intermediateSize: 40 });
    const file = randomWeights(config, createRandom(10));
    const quantized = quantizeTensorFile(file);
    const tensors = new Map(file.tensors);
    for (const name of ["embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.weight"]) {
      tensors.set(name, quantized.tensors.get(name)!);
      tensors.set(`${name}.scale`, quantized.tensors.get(`${name}.scale`)!);
    }
    const mixed: TensorFile = { tensors, metadata: {} };
    const ids = Int32Array.of(3, 100, 0, 7);
    const x = engine.createEncoder(config, mixed).forward(ids).hiddenStates.at(-1)!;
    const y = referenceEngine.createEncoder(config, mixed).forward(ids).hiddenStates.at(-1)!;
    expect(largestDifference(x.data, y.data)).toBeLessThan(2e-5);
  });

  test("computes with denormal weights and activations", () => {
    const config = configOf({ hiddenSize: 16, intermediateSize: 32 });
    for (const quantize of [false, true]) {
      const file = randomWeights(config, createRandom(11));
      for (const [name, { data }] of file.tensors) {
        if (name.includes("embeddings") || name.includes("intermediate"))
          data.forEach((_, i) => {
            data[i] = 1e-40 * ((i % 7) - 3);
          });
      }
      const given = quantize ? quantizeTensorFile(file) : file;
      const ids = Int32Array.of(1, 2, 3, 4, 5);
      const x = engine.createEncoder(config, given).forward(ids).hiddenStates.at(-1)!;
      const y = referenceEngine.createEncoder(config, given).forward(ids).hiddenStates.at(-1)!;
      expect(largestDifference(x.data, y.data)).toBeLessThan(quantize ? int8Tolerance : 2e-5);
    }
  });

  test("refuses a text whose result is not finite instead of returning it", () => {
    const config = configOf({ hiddenSize: 16, intermediateSize: 32 });
    const file = randomWeights(config, createRandom(12));
    (file.tensors.get("encoder.layer.0.intermediate.dense.weight")!.data as Float32Array).fill(3e38);
    (file.tensors.get("encoder.layer.0.attention.output.LayerNorm.weight")!.data as Float32Array).fill(1e30);
    for (const given of [file, quantizeTensorFile(file)]) {
      const encoder = engine.createEncoder(config, given);
      expect(() => encoder.forward(Int32Array.of(1, 2, 3))).toThrow("not finite");
      expect(() => encoder.pooled!([Int32Array.of(1, 2, 3)], "mean")).toThrow("not finite");
    }
  });

  test("refuses weights that are missing, misshapen or not finite, by name", () => {
    const config = configOf({ hiddenSize: 8, intermediateSize: 8 });
    const name = "encoder.layer.1.output.dense.weight";
    const broken = (tensor: Tensor | undefined): TensorFile => {
      const { tensors } = randomWeights(config, createRandom(13));
      if (tensor === undefined) tensors.delete(name);
      else tensors.set(name, tensor);
      return { tensors, metadata: {} };
    };
    const values = new Float32Array(64);
    expect(() => engine.createEncoder(config, broken(undefined))).toThrow(name);
    expect(() => engine.createEncoder(config, broken({ dtype: "F32", shape: [4, 16], data: values }))).toThrow(name);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const data = values.slice();
      data[63] = value;
      expect(() => engine.createEncoder(config, broken({ dtype: "F32", shape: [8, 8], data }))).toThrow(name);
    }
  });

  test("refuses bad tokens and keeps working", () => {
    const config = configOf({ hiddenSize: 8, intermediateSize: 8 });
    const encoder = engine.createEncoder(config, randomWeights(config, createRandom(14)));
    for (const ids of [[], [-1], [101], [2 ** 31 - 1], new Array(129).fill(1)]) {
      expect(() => encoder.forward(Int32Array.from(ids))).toThrow();
      expect(() => encoder.pooled!([Int32Array.of(1), Int32Array.from(ids)], "cls")).toThrow();
    }
    expect(() => encoder.forward(Int32Array.of(1, 2), Uint8Array.of(0, 0))).toThrow();
    expect(() => encoder.forward(Int32Array.of(1, 2), Uint8Array.of(1))).toThrow();
    expect(encoder.forward(Int32Array.of(1, 2)).hiddenStates[0]!.rows).toBe(2);
  });
});

test("bytes that are no kernel are refused", () => {
  expect(() => createWasmEngine({ simd128: simd128.subarray(0, 1000) })).toThrow("damaged");
});
