import { describe, expect, test } from "vitest";
import { largestDifference, largestOf, readGoldenEncoders } from "../../../../test/golden/encoders.js";
import { referenceEngine } from "../engine/reference-engine.js";
import { dequantizeTensorFile, quantizeTensorFile } from "../quantization/int8.js";
import type { Tensor } from "../tensor/safetensors.js";
import { encoderConfigJson, parseEncoderConfig } from "./config.js";

const shapes = readGoldenEncoders("mobilebert");
const published = shapes.find(({ name }) => name === "published")!;

describe.each(shapes)("beside Transformers' MobileBERT, shape $name", ({ config, file, cases }) => {
  const encoder = referenceEngine.createEncoder(config, file);

  test.each(cases)("gives every hidden state to 1e-5 for ids $ids, mask $mask", (golden) => {
    expect(largestDifference(encoder, golden)).toBeLessThan(1e-5);
  });

  test("gives for int8 weights what the same weights dequantized give", () => {
    const quantized = quantizeTensorFile(file);
    const { ids } = cases[2]!;
    const int8 = referenceEngine.createEncoder(config, quantized).forward(ids).hiddenStates;
    const float = referenceEngine.createEncoder(config, dequantizeTensorFile(quantized)).forward(ids).hiddenStates;
    for (const [layer, { data }] of int8.entries()) expect(largestOf(data, float[layer]!.data)).toBeLessThan(1e-5);
    expect(largestOf(int8.at(-1)!.data, cases[2]!.hidden(config.numHiddenLayers))).toBeGreaterThan(1e-5);
  });

  test("writes a config.json that reads back equal", () => {
    expect(parseEncoderConfig(encoderConfigJson(config))).toEqual(config);
  });
});

test("reads the published configuration, with Hugging Face's defaults for what is missing", () => {
  const hub = {
    model_type: "mobilebert",
    vocab_size: 30522,
    hidden_size: 512,
    num_hidden_layers: 24,
    num_attention_heads: 4,
    intermediate_size: 512,
  };
  expect(parseEncoderConfig(JSON.stringify(hub))).toMatchObject({
    hiddenAct: "relu",
    padTokenId: 0,
    embeddingSize: 128,
    trigramInput: true,
    useBottleneck: true,
    intraBottleneckSize: 128,
    useBottleneckAttention: false,
    keyQuerySharedBottleneck: true,
    numFeedforwardNetworks: 4,
    normalizationType: "no_norm",
  });
});

test.each([
  [{ normalization_type: "rms_norm" }, 'normalization_type "rms_norm" is not one of no_norm, layer_norm'],
  [{ trigram_input: 1 }, "trigram_input 1 is not true or false"],
  [{ num_feedforward_networks: 0 }, "num_feedforward_networks 0"],
  [{ intra_bottleneck_size: 10 }, "intra_bottleneck_size 10 is not a multiple of num_attention_heads 4"],
  [{ key_query_shared_bottleneck: false }, "intra_bottleneck_size 8 must be hidden_size"],
])("refuses the configuration %j, naming the key", (changes, message) => {
  const json = JSON.stringify({ ...JSON.parse(encoderConfigJson(published.config)), ...changes });
  expect(() => parseEncoderConfig(json)).toThrow(message);
});

test("lets the last real token see the padding after it, as the reference does, unless that padding's embedding is zero", () => {
  const { config, file } = published;
  const words = "embeddings.word_embeddings.weight";
  const tensor = file.tensors.get(words) as Extract<Tensor, { dtype: "F32" }>;
  const zeroed = tensor.data.slice().fill(0, 0, 8);
  const tensors = new Map(file.tensors).set(words, { ...tensor, data: zeroed });
  const difference = (encoder: ReturnType<typeof referenceEngine.createEncoder>) => {
    const padded = encoder.forward(Int32Array.of(5, 6, 0, 0), Uint8Array.of(1, 1, 0, 0)).hiddenStates.at(-1)!;
    const short = encoder.forward(Int32Array.of(5, 6)).hiddenStates.at(-1)!;
    return largestOf(padded.data.subarray(0, short.data.length), short.data);
  };
  expect(difference(referenceEngine.createEncoder(config, { ...file, tensors }))).toBeLessThan(4e-6);
  expect(difference(referenceEngine.createEncoder(config, file))).toBeGreaterThan(1e-3);
});

test.each([
  ["encoder.layer.1.bottleneck.attention.dense.weight", 'tensor "encoder.layer.1.bottleneck.attention.dense.weight"'],
  ["encoder.layer.0.ffn.2.output.LayerNorm.bias", 'tensor "encoder.layer.0.ffn.2.output.LayerNorm.bias" is missing'],
  ["embeddings.embedding_transformation.weight", 'tensor "embeddings.embedding_transformation.weight" is missing'],
])("refuses weights without %s by that name", (name, message) => {
  const tensors = new Map(published.file.tensors);
  tensors.delete(name);
  const load = () => referenceEngine.createEncoder(published.config, { ...published.file, tensors });
  expect(load).toThrow(message);
});
