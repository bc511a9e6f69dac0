// Compares the kernels with Transformers' own hidden states: every architecture, in every format of weights.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { largestDifference, largestOf, readGoldenEncoders } from "../../../../test/golden/encoders.js";
import type { Encoder } from "../encoder/encoder.js";
import { halveTensorFile } from "../quantization/fp16.js";
import { quantizeTensorFile } from "../quantization/int8.js";
import { referenceEngine } from "./reference-engine.js";
import { createWasmEngine } from "./wasm-engine.js";

const kernel = (name: string) => readFileSync(new URL(`../../kernels/wasm/${name}`, import.meta.url));
const simd128 = kernel("attune-simd128.wasm");
const engines = [
  { build: "simd128", engine: createWasmEngine({ simd128 }) },
  {
    build: "relaxed where the host knows it",
    engine: createWasmEngine({ simd128, relaxed: kernel("attune-relaxed.wasm") }),
  },
];
const families = ["encoder", "roberta", "mobilebert"] as const;
const golden = families.flatMap((family) => readGoldenEncoders(family).map((shape) => ({ family, ...shape })));

/**
 * The largest difference over all layers of all cases, relative to a hidden state's largest value where that is above
 * 1: NoNorm lets states grow.
 */
function worst(x: Encoder, y: Encoder, cases: readonly { ids: Int32Array; mask: Uint8Array }[]): number {
  const differences = cases.flatMap(({ ids, mask }) => {
    const expected = y.forward(ids, mask).hiddenStates;
    return x.forward(ids, mask).hiddenStates.map(({ data }, layer) => {
      const wanted = expected[layer]!.data;
      return largestOf(data, wanted) / Math.max(1, largestOf(wanted, new Float32Array(wanted.length)));
    });
  });
  return Math.max(...differences);
}

describe.each(engines)("the $build build", ({ engine }) => {
  describe.each(golden)("for $family, shape $name", ({ config, file, cases }) => {
    test("gives every hidden state to 2e-5", () => {
      const encoder = engine.createEncoder(config, file);
      for (const each of cases) expect(largestDifference(encoder, each)).toBeLessThan(2e-5);
    });

    test("gives in FP16 what the reference does with the same rounded weights", () => {
      const halved = halveTensorFile(file);
      const reference = referenceEngine.createEncoder(config, halved);
      expect(worst(engine.createEncoder(config, halved), reference, cases)).toBeLessThan(2e-5);
      expect(worst(reference, referenceEngine.createEncoder(config, file), cases)).toBeGreaterThan(2e-5);
    });

    test("stays within 1e-3 of the reference in int8", () => {
      const quantized = quantizeTensorFile(file);
      const reference = referenceEngine.createEncoder(config, quantized);
      expect(worst(engine.createEncoder(config, quantized), reference, cases)).toBeLessThan(1e-3);
    });
  });
});
