// Prediction, from text to features: the bundled extractor in our engines beside the same weights in TensorFlow.js (wasm).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEncoderConfig } from "@attune/ml/encoder/config";
import { type Pooling, poolings } from "@attune/ml/encoder/pooling";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createFeatureExtractor } from "@attune/ml/features/extractor";
import { dequantizeTensorFile } from "@attune/ml/quantization/int8";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { createTokenizer } from "@attune/ml/tokenizer/tokenizer";
import type { Tf } from "../../apps/server/dist/pretraining/backend.js";
import { encoderFeatures, wordEmbeddings } from "./product.js";
import { type Contender, type Timing, timeInTurn } from "./timing.js";

export interface PredictRow extends Timing {
  /** The peer's median over ours; above 1 we are faster. */
  readonly ratioToTensorflow: number;
}

const assets = fileURLToPath(new URL("../../../assets/", import.meta.url));
const sentenceCount = 80;

/** @param engines beside the reference engine, those that this machine can run */
export async function benchPredict(tf: Tf, engines: readonly Engine[]): Promise<PredictRow[]> {
  const read = (name: string): Buffer => readFileSync(join(assets, "extractor", name));
  const configJson = read("config.json").toString("utf8");
  const config = parseEncoderConfig(configJson);
  const { pooling, maxTokens } = JSON.parse(configJson).attune as { pooling: Pooling; maxTokens: number };
  if (!poolings.includes(pooling)) throw new Error(`assets/extractor/config.json: unknown pooling ${pooling}`);
  const file = parseSafetensors(read("model.safetensors"));
  const tokenizer = createTokenizer(read("tokenizer.json").toString("utf8"));
  const sentences = readSentences();

  const contenders: Contender[] = [referenceEngine, ...engines].map((engine) => {
    const encoder = engine.createEncoder(config, file);
    const extractor = createFeatureExtractor({ tokenizer, encoder, pooling, maxTokens, identity: "bench" });
    return { name: engine.name, run: eachInTurn(sentences, (sentence) => extractor.extract(sentence)) };
  });

  const tensors = dequantizeTensorFile(file).tensors;
  const weights = new Map(
    [...tensors].map(([name, { shape, data }]) => [name, tf.tensor(data as Float32Array, [...shape])] as const),
  );
  const words = weights.get(wordEmbeddings);
  if (words === undefined) throw new Error(`assets/extractor/model.safetensors has no ${wordEmbeddings}`);
  contenders.push({
    name: "tensorflow.js wasm",
    run: eachInTurn(sentences, (sentence) => {
      const { ids } = tokenizer.encode(sentence, { maxTokens });
      const batch = { sentences: 1, tokens: ids.length, rowOfToken: ids, mask: new Float32Array(ids.length).fill(1) };
      const input = { config, pooling, batch, words: words.as2D(config.vocabSize, config.hiddenSize), weights };
      const features = tf.tidy(() => encoderFeatures(tf, { ...input, dropoutRate: 0, random: undefined }));
      const values = features.dataSync();
      features.dispose();
      return values;
    }),
  });

  const timings = await timeInTurn(contenders, { rounds: sentenceCount, warmups: 40 });
  const peer = timings.at(-1)?.medianMs ?? Number.NaN;
  return timings.map((timing) => ({ ...timing, ratioToTensorflow: peer / timing.medianMs }));
}

/** The first utterances of the sample people: real sentences, every contender sees the same ones in the same order. */
function readSentences(): string[] {
  const lines = readFileSync(join(assets, "sample-people/dev_sent_emo.csv"), "utf8")
    .split("\r\n")
    .slice(1, sentenceCount + 1);
  return lines.map(
    (line) =>
      /^\d+,(?:"((?:[^"]|"")*)"|([^,]*)),/
        .exec(line)
        ?.slice(1)
        .find((text) => text !== undefined) ?? "",
  );
}

function eachInTurn<T>(items: readonly T[], work: (item: T) => unknown): () => unknown {
  let next = 0;
  return () => work(items[next++ % items.length] as T);
}
