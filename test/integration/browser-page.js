// What the page of browser-worker.test.ts runs: a module of its own, because a test's transpiler rewrites the imports in its functions.
import { createExtractorClient } from "/apps/edge-agent/dist/web/extractor-client.js";
import { createExtractorSession } from "/apps/edge-agent/dist/web/extractor-session.js";

const fetchBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const builtWorker = "/apps/edge-agent/dist/web/extractor-worker.js";

globalThis.helpers = {
  async input(settings) {
    const names = ["config.json", "model.safetensors", "tokenizer.json", "dr.safetensors", "prior-head.safetensors"];
    const paths = [
      ...names.map((name) => `/assets/extractor/${name}`),
      ...["simd128", "relaxed"].map((build) => `/packages/ml/kernels/wasm/attune-${build}.wasm`),
    ];
    const [config, model, tokenizer, reduction, prior, simd128, relaxed] = await Promise.all(paths.map(fetchBytes));
    return { extractor: { config, model, tokenizer, reduction }, settings, prior, kernels: { simd128, relaxed } };
  },

  async inputWithBlob(settings) {
    const input = await globalThis.helpers.input(settings);
    const model = await (await fetch("/assets/extractor/model.safetensors")).blob();
    return { ...input, extractor: { ...input.extractor, model } };
  },

  client: (url = builtWorker) => createExtractorClient(new Worker(url, { type: "module" })),

  /** The same work as a worker's, here. */
  loadOnMainThread: (input) =>
    new Promise((send) => {
      const receive = createExtractorSession({ send, nextTurn: () => Promise.resolve(), openBlob: () => {} });
      receive({ id: 1, name: "load", input });
    }),

  /** How often a timer of one millisecond came through while `work` ran. */
  async ticksDuring(work) {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await work();
    clearInterval(timer);
    return ticks;
  },
};
