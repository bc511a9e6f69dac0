// The extractor's worker in a real Chromium: the bundled extractor off the main thread, with the features that the daemon's WebAssembly gives.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { openFeatureExtractor } from "@attune/ml/features/open-extractor";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ExtractorClient } from "../../apps/edge-agent/src/web/extractor-client.js";
import type { LoadInput } from "../../apps/edge-agent/src/web/messages.js";
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
const settings = { ...attune, identity: priorFile.metadata.identity };

/** What browser-page.js gives the page. */
interface Helpers {
  input(settings: LoadInput["settings"]): Promise<LoadInput & { extractor: { model: Uint8Array } }>;
  /** The same, the model left to the browser as what came over the network. */
  inputWithBlob(settings: LoadInput["settings"]): Promise<LoadInput & { extractor: { model: Blob } }>;
  client(url?: string): ExtractorClient;
  loadOnMainThread(input: LoadInput): Promise<void>;
  ticksDuring(work: () => Promise<unknown>): Promise<number>;
}
declare global {
  var helpers: Helpers;
}

let page: Page;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ page, close } = await openPage("/test/integration/browser-page.js"));
  await page.waitForFunction(() => "helpers" in globalThis);
});

afterAll(() => close?.());

describeUnlessLacking("an extractor in a browser's worker", await lackOfChromium(), () => {
  it("gives the features and probabilities of the same kernels in Node, within the golden vectors' tolerance", async () => {
    const given = await page.evaluate(
      async ({ sentences, settings }) => {
        const { input, client } = globalThis.helpers;
        const files = await input(settings);
        const bytes = files.extractor.model.byteLength;
        const createdAt = performance.now();
        const worker = client();
        await worker.predict("").catch(() => {});
        const startedAt = performance.now();
        const loaded = await worker.load(files);
        const first = await worker.predict(sentences[0]!);
        const firstMs = performance.now() - startedAt;
        const predictions = [first];
        for (const sentence of sentences.slice(1)) predictions.push(await worker.predict(sentence));
        const together = await worker.extractAll([...sentences, ...sentences]);
        worker.close();
        return {
          loaded,
          firstMs,
          startMs: startedAt - createdAt,
          bytes,
          bytesLeft: files.extractor.model.byteLength,
          together: [...together],
          predictions: predictions.map(({ features, probabilities }) => [[...features], [...probabilities]]),
        };
      },
      { sentences, settings },
    );
    const [start, first] = [given.startMs.toFixed(0), given.firstMs.toFixed(0)];
    process.stderr.write(
      `A worker of Chromium (${given.loaded.build} SIMD) runs after ${start} ms; ${first} ms later it has loaded, warmed up and predicted once\n`,
    );

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
    const prior = loadHead(priorFile);
    const { tolerance } = JSON.parse(readFileSync(join(root, "assets/extractor/golden.json"), "utf8"));
    const expectClose = (own: readonly number[], expected: ArrayLike<number>) => {
      expect(own.length).toBe(expected.length);
      const furthest = Math.max(...own.map((value, i) => Math.abs(value - expected[i]!)));
      expect(furthest).toBeLessThanOrEqual(tolerance);
    };
    expect(given.loaded).toMatchObject({ featureSize: extractor.featureSize, classes: prior.identity.classes });
    for (const [i, sentence] of sentences.entries()) {
      const features = extractor.extract(sentence);
      const { data } = prior.probabilities(createMatrix(1, features.length, features));
      expectClose(given.predictions[i]![0]!, features);
      expectClose(given.predictions[i]![1]!, data);
    }
    expectClose(given.together, extractor.extractAll([...sentences, ...sentences]).data);
    // Handed over, not copied.
    expect(given.bytes).toBe(bytes.model.byteLength);
    expect(given.bytesLeft).toBe(0);
  });

  it("reads a model that is a blob piece by piece, to the same features, and says so when it is cut short", async () => {
    const given = await page.evaluate(
      async ({ sentence, settings }) => {
        const { input, inputWithBlob, client } = globalThis.helpers;
        const [inMemory, ofBlob] = [client(), client()];
        await inMemory.load(await input(settings));
        const files = await inputWithBlob(settings);
        await ofBlob.load(files);
        const features = await Promise.all(
          [inMemory, ofBlob].map(async (one) => (await one.predict(sentence)).features),
        );
        const { model } = files.extractor;
        const cut = { ...(await inputWithBlob(settings)) };
        const damaged = { ...cut, extractor: { ...cut.extractor, model: model.slice(0, model.size - 1) } };
        const refused = await ofBlob.load(damaged).catch((error: Error) => error.message);
        for (const worker of [inMemory, ofBlob]) worker.close();
        return { features: features.map((one) => [...one]), size: model.size, refused };
      },
      { sentence: sentences[0]!, settings },
    );
    expect(given.features[1]).toEqual(given.features[0]);
    expect(given.size).toBe(asset("model.safetensors").length);
    expect(given.refused).toContain("the file is truncated");
  });

  it("leaves the main thread free while it loads, where the same work on the main thread holds it", async () => {
    const ticks = await page.evaluate(async (settings) => {
      const { input, client, ticksDuring, loadOnMainThread } = globalThis.helpers;
      let [inWorker, onMain] = [0, 0];
      for (let round = 0; round < 3; round++) {
        const worker = client();
        // The worker's own start is not what is looked at.
        await worker.predict("").catch(() => {});
        const first = await input(settings);
        inWorker += await ticksDuring(() => worker.load(first));
        worker.close();
        const second = await input(settings);
        onMain += await ticksDuring(() => loadOnMainThread(second));
      }
      return { inWorker, onMain };
    }, settings);
    process.stderr.write(`Timers that came through during three loads: ${JSON.stringify(ticks)}\n`);
    expect(ticks.inWorker).toBeGreaterThan(ticks.onMain);
  });

  it("carries errors over under their own names, and goes on after them", async () => {
    const errors = await page.evaluate(
      async ({ sentence, settings }) => {
        const { input, client } = globalThis.helpers;
        const reason = (promise: Promise<unknown>) =>
          promise.then(
            () => "no error",
            (error) => `${error.constructor.name} ${error.name} ${error.code}: ${error.message}`,
          );
        const worker = client();
        const early = await reason(worker.predict(sentence));
        const files = await input(settings);
        const damaged = { ...files, extractor: { ...files.extractor, tokenizer: new TextEncoder().encode("{") } };
        const malformed = await reason(worker.load(damaged));
        const other = await input(settings);
        const stranger = await reason(worker.load({ ...other, settings: { ...other.settings, identity: "another" } }));
        await worker.load(await input(settings));
        const { probabilities } = await worker.predict(sentence);
        const owed = reason(worker.predict(sentence));
        worker.close();
        const late = await reason(worker.predict(sentence));
        return { early, malformed, stranger, classes: probabilities.length, owed: await owed, late };
      },
      { sentence: sentences[0]!, settings },
    );
    expect(errors.early).toContain("MlError MlError empty: No extractor is loaded");
    expect(errors.malformed).toContain("MlError MlError malformed: tokenizer.json is not JSON");
    expect(errors.stranger).toContain("MlError MlError mismatch");
    expect(errors.classes).toBe(JSON.parse(priorFile.metadata.classes!).length);
    expect(errors.owed).toContain("was closed");
    expect(errors.late).toContain("was closed");
  });

  it("stops long work that nobody waits for any more, and answers the next question", async () => {
    const outcome = await page.evaluate(
      async ({ sentences, settings }) => {
        const { input, client } = globalThis.helpers;
        const worker = client();
        await worker.load(await input(settings));
        const texts = Array.from({ length: 40_000 }, (_, i) => sentences[i % sentences.length]!);
        const started = performance.now();
        await worker.extractAll(texts.slice(0, 400));
        const perTextMs = (performance.now() - started) / 400;
        const abort = new AbortController();
        const long = worker.extractAll(texts, { signal: abort.signal }).then(
          () => "done",
          (error) => error.name,
        );
        const queued = worker.predict("queued", { signal: abort.signal }).catch((error) => error.name);
        abort.abort();
        const aborted = performance.now();
        const outcomes = [await long, await queued];
        await worker.predict(sentences[0]!);
        const answeredMs = performance.now() - aborted;
        const before = await worker.predict("never", { signal: abort.signal }).catch((error) => error.name);
        worker.close();
        return { outcomes, before, shareOfWork: answeredMs / (perTextMs * texts.length) };
      },
      { sentences, settings },
    );
    expect(outcome.outcomes).toEqual(["AbortError", "AbortError"]);
    expect(outcome.before).toBe("AbortError");
    // The whole of it would have had to be waited for otherwise.
    expect(outcome.shareOfWork).toBeLessThan(0.5);
  });

  it("says so when the worker cannot be started", async () => {
    const message = await page.evaluate(() =>
      globalThis.helpers
        .client("/absent.js")
        .predict("anything")
        .then(
          () => "no error",
          (error: Error) => error.message,
        ),
    );
    expect(message).toContain("The extractor's worker failed");
  });
});
