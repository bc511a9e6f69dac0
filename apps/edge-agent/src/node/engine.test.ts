import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomWeights } from "@attune/fakes/random-encoder";
import type { BertConfig } from "@attune/ml/encoder/config";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { halveTensorFile } from "@attune/ml/quantization/fp16";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import { createRandom } from "@attune/ml/tensor/random";
import { describe, expect, test } from "vitest";
import { largestDifference, largestOf, readGoldenEncoders } from "../../../../test/golden/encoders.js";
import { readTrainedBert, trainedFiles, trainedForms } from "../../../../test/golden/trained-bert.js";
import { describeUnlessLacking, lackOfAddon, lackOfData } from "../../../../test/requirements.js";
import { type ChosenEngine, chooseEngine } from "./engine.js";
import { createNativeEngine, loadNativeAddon, type NativeAddon } from "./native-engine.js";

const require = createRequire(import.meta.url);
const read = (name: string) => readFileSync(require.resolve(`@attune/ml/kernels/${name}`));
const readBuilds = () => ({ simd128: read("attune-simd128.wasm"), relaxed: read("attune-relaxed.wasm") });
const noAddon = () => loadNativeAddon(join(tmpdir(), "attune-nowhere", "attune.node"));

describe("the choice of an engine", () => {
  test("is WebAssembly where no addon was built, and says so", async () => {
    const { engine, why } = await chooseEngine({ loadAddon: noAddon, readBuilds });
    expect(engine.name).toBe("wasm");
    expect(why()).toContain("the native kernels did not load (they were not built: native/build.js did not run)");
  });

  test("repeats the reason that the build left, and the system's for an addon that it refuses", async () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-addon-"));
    const path = join(folder, "attune.node");
    const why = async () => (await chooseEngine({ loadAddon: () => loadNativeAddon(path), readBuilds })).why();
    try {
      writeFileSync(join(folder, "not-built.txt"), "no C compiler was found");
      expect(await why()).toMatch(
        /^kernels in WebAssembly with .*SIMD on one thread: .* \(they were not built: no C compiler was found\)$/,
      );
      writeFileSync(path, "no shared object");
      expect(await why()).toMatch(/the native kernels did not load \(.*attune\.node/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("is WebAssembly where the processor has none of the addon's instruction sets", async () => {
    const loadAddon = () => ({ instructionSets: () => [] as string[] }) as NativeAddon;
    const { engine, why } = await chooseEngine({ loadAddon, readBuilds });
    expect(engine.name).toBe("wasm");
    expect(why()).toContain("(this processor has neither AVX2 with FMA and F16C nor 64-bit Arm's NEON)");
  });

  test("is the reference where neither loads, with both reasons", async () => {
    const { engine, why } = await chooseEngine({
      loadAddon: noAddon,
      readBuilds: () => ({ simd128: Uint8Array.of(0, 97, 115, 109) }),
    });
    expect(engine).toBe(referenceEngine);
    expect(why()).toMatch(/not built.*WebAssembly/);
  });

  test("is WebAssembly on as many threads as it is given, to the same bits, and says so; once closed, on one", async () => {
    const file = quantizeTensorFile(weightsOf(9, wideConfig));
    const ids = Int32Array.from({ length: 60 }, (_, i) => i);
    const features = ({ engine }: ChosenEngine) =>
      engine.createEncoder(wideConfig, file).pooled!([ids, ids], "mean").data;
    const alone = await chooseEngine({ loadAddon: noAddon, readBuilds });
    const shared = await chooseEngine({ threads: 2, loadAddon: noAddon, readBuilds });
    try {
      expect(features(shared)).toEqual(features(alone));
      expect(shared.why()).toMatch(/^kernels in WebAssembly with .*SIMD on 2 threads: the native kernels did not load/);
    } finally {
      shared.close();
    }
    expect(features(shared)).toEqual(features(alone));
    expect(shared.why()).toMatch(/SIMD on one thread instead of 2 \(its threads were ended\): /);
  });

  test("always finds one here", async () => {
    const { engine, why } = await chooseEngine({ threads: 2 });
    expect(["native", "wasm"]).toContain(engine.name);
    if (engine.name === "native") expect(why()).toMatch(/^native kernels for .* on 2 threads$/);
  });
});

const config: BertConfig = {
  modelType: "bert",
  vocabSize: 97,
  hiddenSize: 60,
  numHiddenLayers: 2,
  numAttentionHeads: 3,
  intermediateSize: 122,
  maxPositionEmbeddings: 128,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: "gelu",
  padTokenId: 0,
};

/** Wide enough that the threads share out even a single text. */
const wideConfig: BertConfig = { ...config, hiddenSize: 186, intermediateSize: 1000 };

const weightsOf = (seed: number, encoder = config) => randomWeights(encoder, createRandom(seed));

describeUnlessLacking("compared with the reference", lackOfAddon(), () => {
  const addon = loadNativeAddon();
  const engines: [string, Engine][] = addon
    .instructionSets()
    .map((set) => [set, createNativeEngine(addon, { instructionSet: set })]);
  describe.each(engines)("the native kernels for %s", (instructionSet, engine) => {
    test.each([
      ["float32", weightsOf(1), 2e-5],
      ["int8", quantizeTensorFile(weightsOf(2)), 2e-3],
      ["FP16", halveTensorFile(weightsOf(5)), 2e-5],
    ])("give the reference's hidden states in %s, whatever the length and mask", (_, file, tolerance) => {
      const random = createRandom(3);
      const actual = engine.createEncoder(config, file);
      const expected = referenceEngine.createEncoder(config, file);
      for (const tokens of [1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 31, 32, 33, 64, 127, 128]) {
        const ids = Int32Array.from({ length: tokens }, () => random.integer(config.vocabSize));
        const mask = Uint8Array.from({ length: tokens }, (_, t) => (t === 0 || random.next() < 0.7 ? 1 : 0));
        for (const given of [undefined, mask]) {
          const wanted = expected.forward(ids, given).hiddenStates;
          for (const [i, { data }] of actual.forward(ids, given).hiddenStates.entries()) {
            const worst = data.reduce((most, x, k) => Math.max(most, Math.abs(x - wanted[i]!.data[k]!)), 0);
            expect(worst).toBeLessThan(tolerance);
          }
        }
      }
    });

    const golden = (["encoder", "roberta", "mobilebert"] as const).flatMap(readGoldenEncoders);
    test.each(golden)(
      "give Transformers' hidden states for $config.modelType, shape $name",
      ({ config, file, cases }) => {
        const encoder = engine.createEncoder(config, file);
        for (const each of cases) expect(largestDifference(encoder, each)).toBeLessThan(2e-5);
      },
    );

    describeUnlessLacking("on a trained BERT-Tiny", lackOfData(...trainedFiles), () => {
      const trained = readTrainedBert();
      test.each(trainedForms(trained))(
        "give its last hidden state within $worst in $dtype",
        ({ config, file, ids, worst }) => {
          const last = engine.createEncoder(config, file).forward(ids).hiddenStates.at(-1)!;
          expect(largestOf(last.data, trained.lastHidden)).toBeLessThan(worst);
        },
      );
    });

    test.each([
      ["float32", weightsOf(6, wideConfig)],
      ["int8", quantizeTensorFile(weightsOf(7, wideConfig))],
      ["FP16", halveTensorFile(weightsOf(8, wideConfig))],
    ])("compute the same bits in %s on one, two and three threads", (_, file) => {
      const encoders = [1, 2, 3].map((threads) =>
        createNativeEngine(addon, { instructionSet, threads }).createEncoder(wideConfig, file),
      );
      const texts = [1, 2, 5, 13, 64, 127].map((tokens) => Int32Array.from({ length: tokens }, (_, i) => (7 * i) % 97));
      const [one, ...more] = encoders.map((encoder) => encoder.pooled!(texts, "mean-max").data);
      for (const other of more) expect(other).toEqual(one);
      const many = Array.from({ length: 25 }, (_, i) => texts[i % 4]!);
      const [batch, ...batches] = encoders.map((encoder) => encoder.pooled!(many, "cls").data);
      for (const other of batches) expect(other).toEqual(batch);
      for (const ids of texts) {
        const [alone, ...shared] = encoders.map((encoder) => encoder.forward(ids).hiddenStates.at(-1)!.data);
        for (const other of shared) expect(other).toEqual(alone);
      }
    });

    test("pool a batch as one text at a time, to the last bit", () => {
      const encoder = engine.createEncoder(config, quantizeTensorFile(weightsOf(4)));
      const texts = Array.from({ length: 50 }, (_, i) => new Int32Array(1 + ((i * 7) % 30)).fill(i));
      const together = encoder.pooled!(texts, "mean-max");
      for (const [i, ids] of texts.entries()) {
        const alone = encoder.pooled!([ids], "mean-max").data;
        expect(together.data.subarray(i * alone.length, (i + 1) * alone.length)).toEqual(alone);
      }
    });
  });

  test("the addon answers wrong arguments with a code", () => {
    const refused = -10;
    expect(addon.createEncoder(99, new Uint8Array(84), 1)).toBe(refused);
    expect(addon.createEncoder(0, new Uint8Array(3), 1)).toBe(refused);
    for (const threads of [0, -1, 65]) expect(addon.createEncoder(0, new Uint8Array(84), threads)).toBe(refused);
    expect(addon.createEncoder(0, new Uint8Array(84), 1)).toBe(-1);
    expect(addon.run({}, 0, 1)).toBe(refused);
    expect((addon.embed as unknown as () => number)()).toBe(refused);
  });
});
