import { describe, expect, test } from "vitest";
import { largestDifference, largestOf, readGoldenEncoders } from "../../../../test/golden/encoders.js";
import { referenceEngine } from "../engine/reference-engine.js";
import { dequantizeTensorFile, quantizeTensorFile } from "../quantization/int8.js";
import { encoderConfigJson, parseEncoderConfig } from "./config.js";

const shapes = readGoldenEncoders("roberta");

describe.each(shapes)("beside Transformers' RoBERTa, shape $name", ({ config, file, cases }) => {
  const encoder = referenceEngine.createEncoder(config, file);

  test.each(cases)("gives every hidden state to 1e-5 for ids $ids, mask $mask", (golden) => {
    expect(largestDifference(encoder, golden)).toBeLessThan(1e-5);
  });

  test("gives the same for padded input with a mask as for its true length", () => {
    for (const { ids, mask } of cases) {
      const real = mask.indexOf(0) === -1 ? mask.length : mask.indexOf(0);
      const padded = encoder.forward(ids, mask).hiddenStates;
      for (const [layer, { data }] of encoder.forward(ids.slice(0, real)).hiddenStates.entries()) {
        expect(largestOf(padded[layer]!.data.subarray(0, data.length), data)).toBeLessThan(4e-6);
      }
    }
  });

  test("gives for int8 weights what the same weights dequantized give", () => {
    const quantized = quantizeTensorFile(file);
    const { ids } = cases[2]!;
    const int8 = referenceEngine.createEncoder(config, quantized).forward(ids).hiddenStates;
    const float = referenceEngine.createEncoder(config, dequantizeTensorFile(quantized)).forward(ids).hiddenStates;
    for (const [layer, { data }] of int8.entries()) expect(largestOf(data, float[layer]!.data)).toBeLessThan(4e-6);
    expect(largestOf(int8.at(-1)!.data, cases[2]!.hidden(config.numHiddenLayers))).toBeGreaterThan(1e-5);
  });

  test("writes a config.json that reads back equal", () => {
    expect(parseEncoderConfig(encoderConfigJson(config))).toEqual(config);
  });
});

test("has positions only from the one after the padding token's id", () => {
  const { config, file } = shapes.find(({ name }) => name === "offset")!;
  const encoder = referenceEngine.createEncoder(config, file);
  const ids = (length: number) => new Int32Array(length).fill(5);
  expect(encoder.forward(ids(10)).hiddenStates.at(-1)!.rows).toBe(10);
  expect(() => encoder.forward(ids(11))).toThrow("11 tokens where the encoder has 10 positions");
});

test("counts no position for padding, wherever it stands", () => {
  const { config, file } = shapes.find(({ name }) => name === "odd")!;
  const encoder = referenceEngine.createEncoder(config, file);
  const [first] = encoder.forward(Int32Array.of(0, 9, 2)).hiddenStates;
  const [second] = encoder.forward(Int32Array.of(0, 1, 9, 2)).hiddenStates;
  const width = config.hiddenSize;
  expect(second!.data.subarray(2 * width)).toEqual(first!.data.subarray(width));
});

test("refuses a missing tensor by its name, under either prefix", () => {
  for (const { config, file } of shapes) {
    const tensors = new Map(file.tensors);
    for (const name of [...tensors.keys()]) {
      if (name.endsWith("attention.self.key.bias")) tensors.delete(name);
    }
    expect(() => referenceEngine.createEncoder(config, { ...file, tensors })).toThrow(
      'tensor "encoder.layer.0.attention.self.key.bias" is missing',
    );
  }
});
