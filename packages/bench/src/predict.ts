// Prediction, from text to features: the bundled extractor in each of our engines beside the same weights in the peers.

import { readFileSync } from "node:fs";
import { parseEncoderConfig } from "@attune/ml/encoder/config";
import { type Pooling, poolings } from "@attune/ml/encoder/pooling";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createFeatureExtractor } from "@attune/ml/features/extractor";
import { dequantizeTensorFile } from "@attune/ml/quantization/int8";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { createContenders, type EncoderContender, type Field } from "./encoder-contenders.js";
import type { OurEngine } from "./engines.js";
import { peerNames } from "./peers.js";
import type { BenchProgress } from "./progress.js";
import { type Measured, ratioToBest, type TaskRow, tokenizerName } from "./results.js";
import { assets, readSentences } from "./sentences.js";
import { contender, timeInTurn } from "./timing.js";

export const predictWeight = 20;

interface PredictBench {
  readonly engines: readonly OurEngine[];
  readonly tf: Field["tf"];
  readonly progress: BenchProgress;
}

export async function benchPredict({ engines, tf, progress }: PredictBench): Promise<Measured> {
  progress.begin("predicting with the bundled extractor", predictWeight);
  const read = (name: string): Buffer => readFileSync(`${assets}extractor/${name}`);
  const configJson = read("config.json").toString("utf8");
  const config = parseEncoderConfig(configJson);
  const { pooling, maxTokens } = JSON.parse(configJson).attune as { pooling: Pooling; maxTokens: number };
  if (!poolings.includes(pooling)) throw new Error(`assets/extractor/config.json: unknown pooling ${pooling}`);
  const file = parseSafetensors(read("model.safetensors"));
  const tokenizer = createTokenizer(read("tokenizer.json").toString("utf8"));
  const sentences = readSentences();
  const notes: string[] = [];

  const opened = [{ name: referenceEngine.name, encoder: referenceEngine.createEncoder(config, file) }];
  for (const engine of engines) {
    opened.push({ name: engine.name, encoder: (await engine.createEncoder(config, { dtype: "int8", file }, 1))! });
  }
  const ours = opened.map(({ name, encoder }) => {
    const extractor = createFeatureExtractor({ tokenizer, encoder, pooling, maxTokens, identity: "bench" });
    return { engine: name, task: "int8", ours: true, work: (text: string) => extractor.extract(text) };
  });
  let rivals: EncoderContender[] = [];
  if (config.modelType === "bert" && config.hiddenAct === "gelu") {
    const field: Field = { engines: [], peers: peerNames, tf, threads: [1], note: (line) => void notes.push(line) };
    rivals = await createContenders(field, { config, weights: dequantizeTensorFile(file), pooling });
  } else {
    notes.push(`peers are left out: the bench writes no ${config.modelType} with ${config.hiddenAct} for them`);
  }
  const theirs = rivals.map(({ engine, dtype, features }) => ({
    engine,
    task: dtype as string,
    ours: false,
    work: (text: string): unknown => features!(tokenizer.encode(text, { maxTokens }).ids),
  }));

  const tokenize = { task: "text to tokens alone", ours: false };
  const library = openTokenizerLibrary(read("tokenizer.json").toString("utf8"));
  const all = [
    ...ours,
    ...theirs,
    { engine: tokenizerName, ...tokenize, work: (text: string): unknown => tokenizer.encode(text, { maxTokens }) },
    { engine: libraryName, ...tokenize, work: (text: string): unknown => library.encode(text) },
  ];
  const timings = await timeInTurn(
    all.map(({ engine, task, work }) => {
      let next = 0;
      return contender(`${engine} ${task}`, () => work(sentences[next++ % sentences.length]!));
    }),
    { rounds: 3 * sentences.length, warmups: 60, onRound: (done, total) => progress.advance(done / total) },
  );
  const mediansOf = (isPeer: (engine: string) => boolean) =>
    timings.filter((_, i) => !all[i]!.ours && isPeer(all[i]!.engine)).map(({ medianMs }) => medianMs);
  const best = mediansOf((engine) => engine !== tokenizerName && engine !== libraryName);
  const rows = all.map(({ engine, task, ours: isOurs }, i): TaskRow => {
    const { medianMs, p90Ms } = timings[i]!;
    const peers = engine === tokenizerName ? mediansOf((other) => other === libraryName) : best;
    const competes = isOurs || engine === tokenizerName;
    return { engine, task, medianMs, p90Ms, ratioToBestPeer: competes ? ratioToBest(medianMs, peers) : null };
  });
  for (const { dispose } of rivals) await dispose?.();
  return { limits: [], notes, rows };
}

/** The peer of our tokenizer, which opens the same file. */
const libraryName = "@huggingface/tokenizers";

/** The library's own type declarations do not resolve under `nodenext`. */
function openTokenizerLibrary(tokenizerJson: string): { encode(text: string): unknown } {
  return new LibraryTokenizer(JSON.parse(tokenizerJson), {}) as unknown as { encode(text: string): unknown };
}
