// The core's loader in a worker of a real Chromium. The bundled extractor runs off the main thread, with the features
// of the same kernels in Node.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { openFeatureExtractor } from "@attune/ml/features/open-extractor";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Settings, Variant } from "../browser/bundled-release.js";
import type { LoaderHelpers } from "../browser/loader-page.js";
import { describeUnlessLacking } from "../requirements.js";
import { openPage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sentences = [
  "Oh my God, he's lost it. He's totally lost it.",
  "What?",
  "Caf\u00e9 na\u00efve \u2014 \u201cquotes\u201d, \u0130stanbul and \u4f60\u597d \u{1f600}",
  "",
  "word ".repeat(100),
];

const asset = (name: string) => new Uint8Array(readFileSync(join(root, "assets/extractor", name)));
const { attune } = JSON.parse(readFileSync(join(root, "assets/extractor/config.json"), "utf8"));
const priorFile = parseSafetensors(asset("prior-head.safetensors"));
const prior = loadHead(priorFile);
const { pooling, maxTokens } = attune;
const settings: Settings = {
  pooling,
  maxTokens,
  featureSize: prior.inputSize,
  identity: priorFile.metadata.identity!,
};

declare global {
  var helpers: LoaderHelpers;
}

let page: Page;
let close: () => Promise<void>;

const lack = await lackOfChromium();
beforeAll(async () => {
  if (lack !== undefined) return;
  ({ page, close } = await openPage("loader"));
  await page.waitForFunction(() => "helpers" in globalThis);
});

afterAll(() => close?.());

describeUnlessLacking("an extractor in a browser's worker", lack, () => {
  test("gives the features and probabilities of the same kernels in Node, within the golden vectors' tolerance", async () => {
    const given = await page.evaluate(
      async ({ sentences, settings }) => {
        const worker = await globalThis.helpers.worker(settings);
        await worker.prepare("bytes");
        const startedAt = performance.now();
        const refused = await worker.load();
        const predictions = [await worker.predict(sentences[0]!)];
        const firstMs = performance.now() - startedAt;
        for (const sentence of sentences.slice(1)) predictions.push(await worker.predict(sentence));
        const together = await worker.together([...sentences, ...sentences]);
        worker.close();
        return { refused, build: worker.build, firstMs, predictions, together };
      },
      { sentences, settings },
    );
    expect(given.refused).toBeUndefined();
    const ms = given.firstMs.toFixed(0);
    process.stderr.write(`A worker of Chromium (${given.build} SIMD) loads, warms up and predicts once in ${ms} ms\n`);

    const kernel = (build: string) =>
      new Uint8Array(readFileSync(join(root, `packages/ml/kernels/wasm/attune-${build}.wasm`)));
    const engine = createWasmEngine({ simd128: kernel("simd128"), relaxed: kernel("relaxed") });
    const bytes = {
      config: asset("config.json"),
      model: asset("model.safetensors"),
      tokenizer: asset("tokenizer.json"),
      reduction: asset("dr.safetensors"),
    };
    const extractor = openFeatureExtractor(engine, bytes, settings);
    const { tolerance } = JSON.parse(readFileSync(join(root, "assets/extractor/golden.json"), "utf8"));
    const expectClose = (own: readonly number[], expected: ArrayLike<number>) => {
      expect(own.length).toBe(expected.length);
      const furthest = Math.max(...own.map((value, i) => Math.abs(value - expected[i]!)));
      expect(furthest).toBeLessThanOrEqual(tolerance);
    };
    for (const [i, sentence] of sentences.entries()) {
      const features = extractor.extract(sentence);
      const { data } = prior.probabilities(createMatrix(1, features.length, features));
      expectClose(given.predictions[i]!.features, features);
      expectClose(given.predictions[i]!.probabilities, data);
    }
    expectClose(given.together, extractor.extractAll([...sentences, ...sentences]).data);
  });

  test("reads a model that is a blob piece by piece, to the same features, and refuses it when it is cut short", async () => {
    const given = await page.evaluate(
      async ({ sentence, settings }) => {
        const loaded = async (variant: "bytes" | "blob") => {
          const worker = await globalThis.helpers.worker(settings);
          await worker.prepare(variant);
          return { refused: await worker.load(), worker, features: (await worker.predict(sentence)).features };
        };
        const inMemory = await loaded("bytes");
        const ofBlob = await loaded("blob");
        await ofBlob.worker.prepare("cut blob");
        const cut = await ofBlob.worker.load();
        const answersOn = (await ofBlob.worker.predict(sentence)).features;
        for (const { worker } of [inMemory, ofBlob]) worker.close();
        return {
          refused: [inMemory.refused, ofBlob.refused],
          cut,
          features: [inMemory.features, ofBlob.features, answersOn],
        };
      },
      { sentence: sentences[0]!, settings },
    );
    expect(given.refused).toEqual([undefined, undefined]);
    expect(given.features[1]).toEqual(given.features[0]);
    expect(given.cut).toContain("sizeMismatch");
    expect(given.features[2]).toEqual(given.features[0]);
  });

  test("leaves the main thread free while it loads, where the same work on the main thread holds it", async () => {
    const ticks = await page.evaluate(async (settings) => {
      const { worker: start, onMainThread, ticksDuring } = globalThis.helpers;
      let [inWorker, onMain] = [0, 0];
      for (let round = 0; round < 3; round++) {
        const worker = await start(settings);
        await worker.prepare("bytes");
        inWorker += await ticksDuring(() => worker.load());
        worker.close();
        const here = await onMainThread(settings);
        await here.prepare("bytes");
        onMain += await ticksDuring(() => here.load());
      }
      return { inWorker, onMain };
    }, settings);
    process.stderr.write(`Timers that came through during three loads: ${JSON.stringify(ticks)}\n`);
    expect(ticks.inWorker).toBeGreaterThan(ticks.onMain);
  });

  test("refuses what is damaged or of another identity, naming it, and loads the next", async () => {
    const outcomes = await page.evaluate(
      async ({ sentence, settings }) => {
        const worker = await globalThis.helpers.worker(settings);
        const outcomes: (string | undefined)[] = [];
        for (const variant of ["damaged tokenizer", "another identity", "bytes"] satisfies Variant[]) {
          await worker.prepare(variant);
          outcomes.push(await worker.load());
        }
        const { probabilities } = await worker.predict(sentence);
        worker.close();
        return { outcomes, classes: probabilities.length };
      },
      { sentence: sentences[0]!, settings },
    );
    expect(outcomes.outcomes).toEqual([
      expect.stringContaining("extractorInvalid: tokenizer.json is not JSON"),
      expect.stringContaining("extractorInvalid: the features' identity is not the one that the files have"),
      undefined,
    ]);
    expect(outcomes.classes).toBe(prior.identity.classes.length);
  });
});
