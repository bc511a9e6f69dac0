import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { referenceEngine } from "../engine/reference-engine.js";
import { MlError } from "../error.js";
import { dequantizeTensorFile, quantizeTensorFile } from "../quantization/int8.js";
import type { Matrix } from "../tensor/matrix.js";
import { getFloat32, parseSafetensors, type Tensor, type TensorFile } from "../tensor/safetensors.js";
import { createBert } from "./bert.js";
import { type BertConfig, parseEncoderConfig } from "./config.js";

interface Shape {
  readonly name: string;
  readonly file: string;
  readonly config: Record<string, unknown>;
  readonly cases: { ids: number[]; mask: number[] }[];
}

const read = (name: string) => readFileSync(new URL(`../../../../test/golden/${name}`, import.meta.url));
const { shapes }: { shapes: Shape[] } = JSON.parse(read("encoder.json").toString());

function load(shape: Shape) {
  const file = parseSafetensors(read(shape.file));
  const config = parseEncoderConfig(JSON.stringify(shape.config)) as BertConfig;
  const cases = shape.cases.map(({ ids, mask }, i) => ({
    ids: Int32Array.from(ids),
    mask: Uint8Array.from(mask),
    hidden: (layer: number) => getFloat32(file, `case.${i}.hidden.${layer}`),
  }));
  return { file, config, cases };
}

const odd = load(shapes.find(({ name }) => name === "odd")!);
const deep = load(shapes.find(({ name }) => name === "deep")!);

function largestDifference(x: Float32Array, y: Float32Array): number {
  expect(x.length).toBe(y.length);
  return x.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y[i]!)), 0);
}

function largestOverLayers(x: Matrix[], y: Matrix[]): number {
  return Math.max(...x.map((hidden, layer) => largestDifference(hidden.data, y[layer]!.data)));
}

const replaced = (file: TensorFile, name: string, tensor: Tensor): TensorFile => ({
  ...file,
  tensors: new Map([...file.tensors, [name, tensor]]),
});

describe.each(shapes)("beside Transformers' BERT, shape $name", (shape) => {
  const { file, config, cases } = load(shape);
  const encoder = referenceEngine.createEncoder(config, file);

  test.each(cases)("gives every hidden state to 1e-5 for ids $ids, mask $mask", ({ ids, mask, hidden }) => {
    const { hiddenStates } = encoder.forward(ids, mask);
    expect(hiddenStates).toHaveLength(config.numHiddenLayers + 1);
    for (const [layer, { data }] of hiddenStates.entries()) {
      expect(largestDifference(data, hidden(layer))).toBeLessThan(1e-5);
    }
  });

  test("gives the same for padded input with a mask as for its true length", () => {
    for (const { ids, mask } of cases) {
      const real = mask.indexOf(0) === -1 ? mask.length : mask.indexOf(0);
      const padded = encoder.forward(ids, mask).hiddenStates;
      const short = encoder.forward(ids.slice(0, real)).hiddenStates;
      for (const [layer, { data }] of short.entries()) {
        expect(largestDifference(padded[layer]!.data.subarray(0, data.length), data)).toBeLessThan(4e-6);
      }
    }
  });
});

describe("weights", () => {
  test("are found with and without the prefix a task head brings", () => {
    const plain = [...deep.file.tensors].map(([name, tensor]) => [name.replace(/^bert\./, ""), tensor] as const);
    expect(plain.map(([name]) => name)).not.toEqual([...deep.file.tensors.keys()]);
    const { ids } = deep.cases[3]!;
    const without = createBert(deep.config, { ...deep.file, tensors: new Map(plain) }).forward(ids);
    expect(without).toEqual(createBert(deep.config, deep.file).forward(ids));
  });

  test("may call a norm's weight and bias gamma and beta", () => {
    const older = [...odd.file.tensors].map(
      ([name, tensor]) =>
        [
          name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
          tensor,
        ] as const,
    );
    const { ids } = odd.cases[3]!;
    const read = createBert(odd.config, { ...odd.file, tensors: new Map(older) }).forward(ids);
    expect(read).toEqual(createBert(odd.config, odd.file).forward(ids));
  });

  test("in int8 give what the same weights dequantized give, close to the originals'", () => {
    const quantized = quantizeTensorFile(odd.file);
    const { ids } = odd.cases[2]!;
    const int8 = createBert(odd.config, quantized).forward(ids).hiddenStates;
    const float = createBert(odd.config, dequantizeTensorFile(quantized)).forward(ids).hiddenStates;
    const original = createBert(odd.config, odd.file).forward(ids).hiddenStates;
    expect(largestOverLayers(int8, float)).toBeLessThan(4e-6);
    expect(largestOverLayers(int8, original)).toBeLessThan(0.1);
    expect(largestOverLayers(int8, original)).toBeGreaterThan(1e-4);
  });

  const query = "encoder.layer.1.attention.self.query.weight";
  const words = "embeddings.word_embeddings.weight";
  const scales = (...data: number[]): Tensor => ({ dtype: "F32", shape: [data.length], data: Float32Array.from(data) });
  const filled = (value: number): Tensor => ({
    dtype: "F32",
    shape: [21, 21],
    data: new Float32Array(441).fill(value),
  });

  test.each<[string, string, Tensor, string]>([
    ["NaN", query, filled(Number.NaN), `"${query}" holds NaN at position 0`],
    ["infinity", query, filled(Number.NEGATIVE_INFINITY), `"${query}" holds -Infinity`],
    ["another shape", query, { ...filled(0), shape: [441] } as Tensor, `"${query}" has shape [441], expected [21,21]`],
    [
      "another dtype",
      query,
      { dtype: "BF16", shape: [21, 21], data: new Uint16Array(441) },
      `"${query}" is BF16, not F32`,
    ],
    [
      "int8 without scales",
      query,
      { dtype: "I8", shape: [21, 21], data: new Int8Array(441) },
      `"${query}.scale" is missing`,
    ],
    [
      "infinite binary16",
      query,
      { dtype: "F16", shape: [21, 21], data: new Uint16Array(441).fill(0x7c00) },
      "Infinity",
    ],
    ["binary16 of another shape", query, { dtype: "F16", shape: [441], data: new Uint16Array(441) }, "has shape [441]"],
    ["int8 of another shape", words, { dtype: "I8", shape: [1], data: new Int8Array(1) }, `"${words}" has shape [1]`],
  ])("with %s are refused, naming the tensor", (_, name, tensor, message) => {
    expect(() => createBert(odd.config, replaced(odd.file, name, tensor))).toThrow(message);
    expect(() => createBert(odd.config, replaced(odd.file, name, tensor))).toThrow(MlError);
  });

  test("with scales that are too few or not finite are refused, naming them", () => {
    const quantized = quantizeTensorFile(odd.file);
    const load = (scale: Tensor) => () => createBert(odd.config, replaced(quantized, `${query}.scale`, scale));
    expect(load(scales(1, 2))).toThrow(`"${query}.scale" has shape [2], expected [21]`);
    expect(load(scales(...Array.from({ length: 21 }, () => Number.NaN)))).toThrow(`"${query}.scale" holds NaN`);
  });

  test("that are missing are refused, naming the tensor", () => {
    for (const name of [query, "encoder.layer.0.output.LayerNorm.bias", words]) {
      const tensors = new Map(odd.file.tensors);
      tensors.delete(name);
      expect(() => createBert(odd.config, { ...odd.file, tensors })).toThrow(`tensor "${name}" is missing`);
    }
  });
});

describe("input", () => {
  const encoder = createBert(odd.config, odd.file);

  test.each([
    ["no tokens", [], undefined, "No tokens"],
    [
      "more tokens than positions",
      new Array<number>(20).fill(1),
      undefined,
      "20 tokens where the encoder has 19 positions",
    ],
    ["an id past the vocabulary", [1, 53], undefined, "Token 1 has id 53, outside the vocabulary of 53"],
    ["a negative id", [-1], undefined, "Token 0 has id -1"],
    ["a mask of another length", [1, 2], [1], "A mask of 1 for 2 tokens"],
    ["a mask of padding alone", [1, 2], [0, 0], "no real token"],
  ])("of %s is refused", (_, ids, mask, message) => {
    const run = () => encoder.forward(Int32Array.from(ids), mask && Uint8Array.from(mask));
    expect(run).toThrow(message);
    expect(run).toThrow(MlError);
  });

  test("leaves no trace: the same text gives the same bits after any other", () => {
    const [first, second] = [odd.cases[2]!.ids, odd.cases[4]!.ids];
    const before = encoder.forward(first);
    encoder.forward(second);
    expect(encoder.forward(first)).toEqual(before);
  });
});
