// One cold start in a process of its own: it loads one engine with one model and predicts once. The clock
// runs before any import.

const startedAt = performance.now();

import type { BertConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import type { Ours } from "./cold-start-ours.js";
import type { OnnxModel } from "./onnx-model.js";
import type { PeerName } from "./peers.js";

type ColdEngine = "node" | "native" | "wasm" | "reference" | PeerName | "tensorflow.js";

export interface ColdRequest {
  readonly engine: ColdEngine;
  readonly config: BertConfig;
  readonly pooling: Pooling;
  /** Paths of files; `weights` are in the engine's own format. */
  readonly weights: string;
  readonly tokenizer: string;
  /** The file that `bundleOurs` made. */
  readonly ours: string;
  readonly addon: string;
  /** The folder of the WebAssembly builds. */
  readonly kernels: string;
  readonly onnx?: Omit<OnnxModel, "bytes">;
  readonly text: string;
}

export interface ColdResult {
  readonly loadMs: number;
  readonly tokenizerMs: number;
  readonly firstMs: number;
  readonly rssBytes: number;
}

const request = JSON.parse(process.argv[2]!) as ColdRequest;
process.stdout.write(JSON.stringify(await coldStart(request)));
process.exit(0);

async function coldStart({ engine, tokenizer: tokenizerPath, ours, text }: ColdRequest): Promise<ColdResult> {
  if (engine === "node") return { loadMs: 0, tokenizerMs: 0, firstMs: 0, rssBytes: process.memoryUsage().rss };
  const opening = import(ours) as Promise<Ours>;
  const { readFileSync } = await import("node:fs");
  const features = await load(request, opening, readFileSync);
  const loadedAt = performance.now();
  const { createTokenizer } = await opening;
  const tokenizer = createTokenizer(readFileSync(tokenizerPath));
  const tokenizerAt = performance.now();
  await features(tokenizer.encode(text, { maxTokens: 32 }).ids);
  const endedAt = performance.now();
  return {
    loadMs: loadedAt - startedAt,
    tokenizerMs: tokenizerAt - loadedAt,
    firstMs: endedAt - tokenizerAt,
    rssBytes: process.memoryUsage().rss,
  };
}

type Features = (ids: Int32Array) => unknown;

/** Imports only the modules that the engine needs. */
async function load(
  cold: ColdRequest,
  opening: Promise<Ours>,
  readFileSync: typeof import("node:fs").readFileSync,
): Promise<Features> {
  const { engine, config, pooling, weights } = cold;
  if (engine === "onnxruntime-node" || engine === "onnxruntime-web") {
    const { loadPeer, ortEncoder } = await import("./peers.js");
    const ort = await loadPeer(engine, 1);
    if (ort === undefined) throw new Error(`${engine} is not there`);
    const model = { bytes: readFileSync(weights), ...cold.onnx! };
    return (await ortEncoder(ort, model, { name: engine, threads: 1 })).features;
  }
  if (engine === "tensorflow.js") {
    const tf = await (await import("./product.js")).openTensorflow();
    const { tensorflowBert } = await import("./tensorflow-bert.js");
    const { parseSafetensors } = await opening;
    return tensorflowBert(tf, { config, weights: parseSafetensors(readFileSync(weights)), pooling }).features;
  }
  const { closeSync, fstatSync, openSync, readSync } = await import("node:fs");
  const ours = await opening;
  const read = (build: string) => readFileSync(`${cold.kernels}attune-${build}.wasm`);
  const builds = {
    get simd128() {
      return read("simd128");
    },
    get relaxed() {
      return read("relaxed");
    },
  };
  const chosen =
    engine === "native" ? ours.createNativeEngine(ours.loadNativeAddon(cold.addon)) : ours.createWasmEngine(builds);
  const file = openSync(weights, "r");
  const source = {
    sizeBytes: fstatSync(file).size,
    read: (offset: number, into: Uint8Array) => void readSync(file, into, 0, into.length, offset),
  };
  const encoder = chosen.createEncoder(config, ours.openSafetensors(source));
  closeSync(file);
  return (ids) => encoder.pooled!([ids], pooling);
}
