// Tables 8 and 9 of the paper: a sentence from text to features, batch 1, BERT-Tiny and BERT-Medium of random weights, beside the peers.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BertConfig } from "@attune/ml/encoder/config";
import type { Engine } from "@attune/ml/engine/engine";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import type { TensorFile } from "@attune/ml/tensor/safetensors";
import { createTokenizer, type Tokenizer } from "@attune/ml/tokenizer/tokenizer";
import type { Tf } from "../../apps/server/dist/pretraining/backend.js";
import { onnxBert } from "./onnx-model.js";
import type { Peer } from "./peers.js";
import { bertConfig, forwardOperations, type ModelName, randomBert } from "./random-bert.js";
import { tensorflowBert } from "./tensorflow-bert.js";
import { type Contender, timeInTurn } from "./timing.js";

export interface EncoderRow {
  readonly engine: string;
  readonly model: ModelName;
  readonly dtype: Dtype;
  readonly threads: 1;
  readonly tokens: "32" | "true";
  readonly medianMs: number;
  readonly p90Ms: number;
  /** Of what the processor can do with our build's instructions for this dtype, measured in this run. */
  readonly shareOfLimit: number;
  /** Ours alone: the fastest peer's median for the same model, dtype and tokens over this one. */
  readonly ratioToBestPeer: number | null;
}

type Dtype = "fp32" | "int8";

export interface EncoderBench {
  readonly engine: Engine;
  /** Operations a second, by dtype. */
  readonly limit: Record<Dtype, number>;
  readonly peers: readonly Peer[];
  readonly tf: Tf | undefined;
  readonly onRow: (what: string) => void;
}

const longest = 32;
const sentenceCount = 80;
const assets = fileURLToPath(new URL("../../../assets/", import.meta.url));
const data = process.env.ATTUNE_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));

export async function benchEncoders(bench: EncoderBench): Promise<EncoderRow[]> {
  const tokenizer = createTokenizer(readFileSync(`${assets}extractor/tokenizer.json`, "utf8"));
  const sentences = readSentences();
  const rows: EncoderRow[] = [];
  for (const model of ["tiny", "medium"] as const) {
    const config = bertConfig(model, tokenizer.vocabSize);
    const weights = randomBert(config, 1);
    const contenders = await createContenders(bench, config, weights);
    await checkAgreement(contenders, tokenizer.encode(sentences[0]!, { maxTokens: longest }).ids);
    for (const tokens of ["32", "true"] as const) {
      const encode = tokens === "32" ? padded(tokenizer) : trueLength(tokenizer);
      const lengths = sentences.map((sentence) => encode(sentence).length);
      const timings = await timeInTurn(
        contenders.map(({ name, features }) => sentenceBySentence(name, sentences, (text) => features(encode(text)))),
        { rounds: sentenceCount, warmups: model === "tiny" ? 150 : 8 },
      );
      const operations = lengths.reduce((sum, length) => sum + forwardOperations(config, length), 0) / lengths.length;
      for (const [i, { engine, dtype, ours }] of contenders.entries()) {
        const { medianMs, p90Ms } = timings[i]!;
        const peerTimes = timings.filter((_, k) => !contenders[k]!.ours && contenders[k]!.dtype === dtype);
        const best = Math.min(...peerTimes.map((timing) => timing.medianMs));
        rows.push({
          engine,
          model,
          dtype,
          threads: 1,
          tokens,
          medianMs,
          p90Ms,
          shareOfLimit: operations / (medianMs * 1e-3) / bench.limit[dtype],
          ratioToBestPeer: ours && Number.isFinite(best) ? best / medianMs : null,
        });
      }
      bench.onRow(`${model}, ${tokens === "32" ? "padded to 32 tokens" : "true length"}`);
    }
    for (const { dispose } of contenders) dispose?.();
  }
  return rows;
}

/**
 * A peer that computes something else would be no peer. In int8 the difference is only told: a peer rounds a whole tensor's activations
 * by one scale, and on AVX2 ONNX Runtime's 16-bit products saturate.
 */
async function checkAgreement(contenders: readonly EncoderContender[], ids: Int32Array): Promise<void> {
  const results: Float32Array[] = [];
  for (const { features } of contenders) results.push(Float32Array.from(toFloats(await features(ids))));
  const expected = results[0]!;
  for (const [i, actual] of results.entries()) {
    const { name, dtype } = contenders[i]!;
    const squares = actual.reduce((sum, value, k) => sum + (value - expected[k]!) ** 2, 0);
    const difference = Math.sqrt(squares / expected.length);
    process.stderr.write(`${name}: features within ${difference.toExponential(1)} of our float32 (root mean square)\n`);
    if (actual.length !== expected.length || !(difference < (dtype === "fp32" ? 1e-3 : Number.POSITIVE_INFINITY))) {
      throw new Error(`${name} computes other features (off by ${difference}); the comparison would mean nothing`);
    }
  }
}

function toFloats(features: unknown): Float32Array {
  return features instanceof Float32Array ? features : (features as { data: Float32Array }).data;
}

interface EncoderContender {
  readonly name: string;
  readonly engine: string;
  readonly dtype: Dtype;
  readonly ours: boolean;
  readonly features: (ids: Int32Array) => unknown;
  readonly dispose?: () => void;
}

async function createContenders(
  { engine, peers, tf }: EncoderBench,
  config: BertConfig,
  weights: TensorFile,
): Promise<EncoderContender[]> {
  const contenders: EncoderContender[] = [];
  for (const dtype of ["fp32", "int8"] as const) {
    const encoder = engine.createEncoder(config, dtype === "int8" ? quantizeTensorFile(weights) : weights);
    const features = (ids: Int32Array) => encoder.pooled!([ids], "mean");
    contenders.push({ name: `${engine.name} ${dtype}`, engine: engine.name, dtype, ours: true, features });
    for (const { name, ort } of peers) {
      const { model, output } = onnxBert(config, weights, dtype === "int8");
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [name === "onnxruntime-web" ? "wasm" : "cpu"],
        graphOptimizationLevel: "all",
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
      });
      const run = async (ids: Int32Array) => {
        const wide = (values: Int32Array) =>
          new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
        const feeds = { ids: wide(ids), positions: wide(ids.map((_, position) => position)) };
        return (await session.run(feeds))[output]!.data;
      };
      contenders.push({ name: `${name} ${dtype}`, engine: name, dtype, ours: false, features: run });
    }
  }
  if (tf !== undefined) contenders.push(tensorflow(tf, config, weights));
  return contenders;
}

function tensorflow(tf: Tf, config: BertConfig, file: TensorFile): EncoderContender {
  const { features, dispose } = tensorflowBert(tf, config, file);
  return { name: "tensorflow.js wasm fp32", engine: "tensorflow.js", dtype: "fp32", ours: false, features, dispose };
}

function sentenceBySentence(name: string, sentences: readonly string[], work: (text: string) => unknown): Contender {
  let next = 0;
  return { name, run: () => work(sentences[next++ % sentences.length]!) };
}

const trueLength = (tokenizer: Tokenizer) => (text: string) => tokenizer.encode(text, { maxTokens: longest }).ids;
/** As the paper's phone app: padding is attended to. */
const padded = (tokenizer: Tokenizer) => (text: string) =>
  tokenizer.encode(text, { maxTokens: longest, pad: true }).ids;

/** The 80 sentences that the paper timed, where the data folder has them; else of the sample people. */
function readSentences(): string[] {
  const seed = `${data}/seed-app/sentences_100.json`;
  if (existsSync(seed)) {
    const { phrases } = JSON.parse(readFileSync(seed, "utf8")) as { phrases: string[] };
    return phrases.slice(-sentenceCount);
  }
  const lines = readFileSync(`${assets}sample-people/dev_sent_emo.csv`, "utf8").split("\r\n");
  return lines
    .slice(1, sentenceCount + 1)
    .map((line) => /^\d+,(?:"((?:[^"]|"")*)"|([^,]*)),/.exec(line)?.slice(1).find(Boolean) ?? "");
}
