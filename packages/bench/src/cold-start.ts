// Cold start and memory: a fresh process per sample, from its first line to its first prediction, ours beside the peers
// with the same model.

import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BertConfig, parseEncoderConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { serializeSafetensors } from "@attune/ml/tensor/safetensors";
import type { ColdRequest, ColdResult } from "./cold-start-child.js";
import { bundleOurs } from "./cold-start-ours.js";
import { type Dtype, inDtype, nativeEngine } from "./engines.js";
import { readEnv } from "./env.js";
import { onnxEncoder } from "./onnx-model.js";
import { loadPeer, peerNames } from "./peers.js";
import type { BenchProgress } from "./progress.js";
import { bertConfig, randomBert } from "./random-bert.js";
import { type ColdRow, type Measured, ratioToBest } from "./results.js";
import { assets, bertTokenizerJson, readSentences, vocabSize } from "./sentences.js";
import { summarize } from "./timing.js";

const rounds = 9;
export const coldStartWeight = 5 + rounds * 8 * 0.4;

interface Start {
  readonly model: "tiny" | "bundled";
  readonly dtype: Dtype;
  readonly request: ColdRequest;
}

export async function benchColdStart(progress: BenchProgress): Promise<Measured> {
  progress.begin("writing the model's files", 5);
  const starts = await prepare();
  const bare = { ...starts[0]!.request, engine: "node" } as const;
  progress.begin("starting processes", coldStartWeight - 5);
  const results = starts.map(() => [] as ColdResult[]);
  const bareRss: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (let i = 0; i < starts.length; i++) {
      // Another engine begins each round; the first round only brings the files into the page cache.
      const index = (i + round) % starts.length;
      const result = await start(starts[index]!.request);
      if (round > 0) results[index]!.push(result);
    }
    bareRss.push((await start(bare)).rssBytes);
    progress.advance((round + 1) / (rounds + 1));
  }
  const totals = results.map((all) => summarize(all.map((one) => one.loadMs + one.tokenizerMs + one.firstMs)));
  const isOurs = ({ request }: Start) => request.engine === "native" || request.engine === "wasm";
  const rivals = totals.flatMap(({ medianMs }, i) => (isOurs(starts[i]!) ? [] : [medianMs]));
  const median = (values: readonly number[]) => summarize(values).medianMs;
  const rows = starts.map(({ model, dtype, request }, i): ColdRow => {
    const of = (key: keyof ColdResult) => median(results[i]!.map((one) => one[key]));
    const ours = isOurs(starts[i]!) && model === "tiny";
    return {
      engine: request.engine,
      model,
      dtype,
      loadMs: of("loadMs"),
      tokenizerMs: of("tokenizerMs"),
      firstMs: of("firstMs"),
      ...totals[i]!,
      rssMb: (of("rssBytes") - median(bareRss)) / 1e6,
      ratioToBestPeer: ours ? ratioToBest(totals[i]!.medianMs, rivals) : null,
    };
  });
  const bareMb = (median(bareRss) / 1e6).toFixed(0);
  const notes = [
    `A bare Node has ${bareMb} MB resident; ${rounds} processes each, files in the page cache, Node's own start not counted`,
    "Our engine is one file, as the agent's bundle is. The peers are imported as their packages come",
    "Every engine uses our tokenizer. ONNX Runtime runs the fused export",
  ];
  return { limits: [], notes, rows };
}

async function prepare(): Promise<Start[]> {
  const folder = join(readEnv().cacheFolder, "models");
  mkdirSync(folder, { recursive: true });
  const write = (name: string, bytes: Uint8Array | string) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const config = bertConfig("tiny", vocabSize);
  const file = randomBert(config, 1);
  const tokenizer = write("tokenizer.json", bertTokenizerJson());
  const product = { ours: await bundleOurs(folder), addon, kernels, text: readSentences()[0]! };
  const common = { ...product, config, pooling: "mean" as Pooling, tokenizer };
  const int8 = write("tiny-int8.safetensors", serializeSafetensors(inDtype(file, "int8").file));
  const fp32 = write("tiny-fp32.safetensors", serializeSafetensors(file));
  const starts: Start[] = [];
  const native = (await nativeEngine()) !== undefined;
  for (const engine of native ? (["native", "wasm"] as const) : (["wasm"] as const)) {
    starts.push({ model: "tiny", dtype: "int8", request: { ...common, engine, weights: int8 } });
    starts.push({ model: "bundled", dtype: "int8", request: { ...product, ...bundled(), engine } });
  }
  for (const engine of peerNames) {
    if ((await loadPeer(engine, 1)) === undefined) continue;
    for (const dtype of ["fp32", "int8"] as const) {
      const { bytes, ...onnx } = onnxEncoder(config, file, { form: "fused", int8: dtype === "int8", pooling: "mean" });
      const weights = write(`tiny-${dtype}.onnx`, bytes);
      starts.push({ model: "tiny", dtype, request: { ...common, engine, weights, onnx } });
    }
  }
  starts.push({ model: "tiny", dtype: "fp32", request: { ...common, engine: "tensorflow.js", weights: fp32 } });
  return starts;
}

function bundled(): Pick<ColdRequest, "config" | "pooling" | "weights" | "tokenizer"> {
  const json = readFileSync(`${assets}extractor/config.json`, "utf8");
  const { pooling } = JSON.parse(json).attune as { pooling: Pooling };
  const config = parseEncoderConfig(json) as BertConfig;
  const tokenizer = `${assets}extractor/tokenizer.json`;
  return { config, pooling, weights: `${assets}extractor/model.safetensors`, tokenizer };
}

const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const addon = fromRoot(`apps/edge-agent/dist/native/attune-${process.platform}-${process.arch}.node`);
const kernels = fromRoot("packages/ml/kernels/wasm/");
const child = fileURLToPath(new URL("./cold-start-child.js", import.meta.url));

async function start(request: ColdRequest): Promise<ColdResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [child, JSON.stringify(request)]);
  return JSON.parse(stdout) as ColdResult;
}
