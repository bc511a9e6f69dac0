// Computes the bundled extractor's features on one thread and on several, and answers with both and the times that they took.
import { parseEncoderConfig } from "/packages/ml/dist/encoder/config.js";
import { createWasmEngine } from "/packages/ml/dist/engine/wasm-engine.js";
import { createWasmTeam } from "/packages/ml/dist/engine/wasm-team.js";
import { parseSafetensors } from "/packages/ml/dist/tensor/safetensors.js";

const fetchBytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const kernels = async (form) => {
  const [simd128, relaxed] = await Promise.all(
    ["simd128", "relaxed"].map((build) => fetchBytes(`/packages/ml/kernels/wasm/attune-${build}${form}.wasm`)),
  );
  return { simd128, relaxed };
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values) => values.sort((x, y) => x - y)[values.length >> 1];

function spawn(start, onEnd) {
  const worker = new Worker("/packages/ml/kernels/threads/thread.js", { type: "module" });
  worker.onerror = ({ message }) => onEnd(message);
  worker.postMessage(start);
  return () => worker.terminate();
}

self.onmessage = async ({ data: { threads, tokens, rounds } }) => {
  const config = parseEncoderConfig(new TextDecoder().decode(await fetchBytes("/assets/extractor/config.json")));
  const file = parseSafetensors(await fetchBytes("/assets/extractor/model.safetensors"));
  const [builds, shared] = [await kernels(""), await kernels("-threads")];
  const team = createWasmTeam({ threads, builds: shared, spawn });
  const engines = [createWasmEngine(builds), createWasmEngine(builds, team)];
  const encoders = engines.map((engine) => engine.createEncoder(config, file));
  while (!team.hasCome()) await pause(1);
  const ids = Int32Array.from({ length: tokens }, (_, i) => 100 + i);
  const features = encoders.map((encoder) => [...encoder.pooled([ids], "mean").data]);
  const times = encoders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, encoder] of encoders.entries()) {
      const startedAt = performance.now();
      encoder.pooled([ids], "mean");
      times[i].push(performance.now() - startedAt);
    }
  }
  const failure = team.failure();
  team.close();
  postMessage({ build: engines[1].build, failure, features, medianMs: times.map(median) });
};
