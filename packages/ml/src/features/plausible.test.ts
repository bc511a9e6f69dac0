// A release may have weights such as training produces, but no weights with which a text could
// make the encoder overflow.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encoderFile } from "@attune/fakes/random-encoder";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { describe, expect, test } from "vitest";
import { parseEncoderConfig } from "../encoder/config.js";
import { referenceEngine } from "../engine/reference-engine.js";
import { parseSafetensors, type Tensor } from "../tensor/safetensors.js";
import { assertPlausible, type ReleaseWeights } from "./plausible.js";

function weightsOf(read: (name: string) => Uint8Array): ReleaseWeights {
  return {
    config: parseEncoderConfig(new TextDecoder().decode(read("config.json"))),
    model: parseSafetensors(read("model.safetensors")),
    reduction: parseSafetensors(read("dr.safetensors")),
    priorHead: parseSafetensors(read("prior-head.safetensors")),
  };
}

const tiny = createTinyRelease();
const copyOfTiny = () => weightsOf((name) => tiny.files.get(name as Parameters<typeof tiny.files.get>[0])!.slice());

describe("plausible weights", () => {
  test("are the bundled extractor's", () => {
    const folder = join(import.meta.dirname, "../../../../assets/extractor");
    expect(() => assertPlausible(weightsOf((name) => readFileSync(join(folder, name))))).not.toThrow();
  });

  test.each([
    ["model", "embeddings.word_embeddings.weight", 1e30],
    ["model", "encoder.layer.0.output.dense.bias", Number.NaN],
    ["model", "embeddings.LayerNorm.weight", Number.NEGATIVE_INFINITY],
    ["reduction", "mean", 1e30],
    ["reduction", "scale", 1e-30],
    ["reduction", "components", 1e6],
    ["priorHead", "weight", -1e30],
  ] as const)("are not those of a %s whose %s holds %d", (file, name, value) => {
    const weights = copyOfTiny();
    const tensor = weights[file].tensors.get(name) as Tensor;
    (tensor.data as Float32Array)[tensor.data.length - 1] = value;
    expect(() => assertPlausible(weights)).toThrow(name);
  });

  test("are looked at in every tensor, whatever it is stored as, and wherever in it", () => {
    const limit = 70_000;
    const odd: Tensor[] = [
      { dtype: "F16", shape: [limit], data: new Uint16Array(limit).fill(0x7c00, limit - 1) },
      { dtype: "BF16", shape: [limit], data: new Uint16Array(limit).fill(0x7f7f, limit - 1) },
      { dtype: "F64", shape: [limit], data: new Float64Array(limit).fill(1e300, limit - 1) },
    ];
    for (const tensor of odd) {
      const weights = copyOfTiny();
      weights.model.tensors.set("of no use", tensor);
      expect(() => assertPlausible(weights), tensor.dtype).toThrow("of no use");
    }
  });

  test("in int8 are bounded by their rows' scales", () => {
    const weights = copyOfTiny();
    weights.model.tensors.set("w", { dtype: "I8", shape: [1, 2], data: Int8Array.of(127, -127) });
    weights.model.tensors.set("w.scale", { dtype: "F32", shape: [1], data: Float32Array.of(7) });
    expect(() => assertPlausible(weights)).not.toThrow();
    weights.model.tensors.set("w.scale", { dtype: "F32", shape: [1], data: Float32Array.of(8) });
    expect(() => assertPlausible(weights)).toThrow("w.scale");
  });

  test("come with an epsilon that a float32 can hold", () => {
    const weights = copyOfTiny();
    for (const layerNormEps of [1e-12, 1e-5]) {
      expect(() => assertPlausible({ ...weights, config: { ...weights.config, layerNormEps } })).not.toThrow();
    }
    for (const layerNormEps of [1e-300, 0.5]) {
      expect(() => assertPlausible({ ...weights, config: { ...weights.config, layerNormEps } })).toThrow(
        "layer_norm_eps",
      );
    }
  });

  test("at the limit overflow for no token, in an encoder as wide as published ones", () => {
    const [h, f] = [1_024, 4_096];
    const config = { ...copyOfTiny().config, hiddenSize: h, intermediateSize: f, numAttentionHeads: 16, vocabSize: 4 };
    const file = encoderFile(config, (_, shape) => {
      const length = shape.reduce((a, b) => a * b, 1);
      // Half of the outputs are as large as possible and half as small, so that no norm sees equal values.
      return (i) => (Math.floor((i * 2) / length) === 0 ? 1_000 : -1_000);
    });
    const encoder = referenceEngine.createEncoder(config, file);
    for (const hidden of encoder.forward(Int32Array.of(0, 1, 2, 3)).hiddenStates) {
      expect(hidden.data.every(Number.isFinite)).toBe(true);
    }
  });
});
