// Tables 8 and 9 of the paper: a sentence from text to features, batch 1, BERT-Tiny and BERT-Medium of random
// weights, beside the peers.

import type { EncoderConfig } from "@attune/ml/encoder/config";
import type { Tokenizer } from "@attune/ml/tokenizer/tokenizer";
import { timeBatches } from "./encoder-batches.js";
import {
  checkAgreement,
  createContenders,
  type EncoderContender,
  type Field,
  threadsOf,
} from "./encoder-contenders.js";
import type { Dtype, OurEngine } from "./engines.js";
import { type Limit, measureLimit, shareOfLimit } from "./limits.js";
import type { PeerName } from "./peers.js";
import type { BenchProgress } from "./progress.js";
import { bertConfig, forwardOperations, type ModelName, mobileBertConfig, randomBert } from "./random-bert.js";
import { type EncoderRow, type Measured, ratioToBest } from "./results.js";
import { bertTokenizer, maxTokens, readSentences, vocabSize } from "./sentences.js";
import { type Contender, contender, type Timing, timeInTurn } from "./timing.js";

interface EncoderBench {
  readonly engine: OurEngine;
  readonly peers: readonly PeerName[];
  readonly tf: Field["tf"];
  readonly progress: BenchProgress;
}

const models: readonly ModelName[] = ["tiny", "medium", "mobilebert"];
const threadCounts = [1, 2] as const;
const encodings = ["32", "true"] as const;

/** Seconds on a quiet machine, roughly: preparation, timing padded to 32, timing at true length, and batches. */
const weights: Record<ModelName, readonly number[]> = {
  tiny: [4, 5, 3, 1],
  medium: [16, 40, 20, 14],
  mobilebert: [10, 20, 12, 0],
};
export const encoderTableWeight =
  3 +
  Object.values(weights)
    .flat()
    .reduce((x, y) => x + y, 0);

export async function benchEncoders(bench: EncoderBench): Promise<Measured> {
  const { engine, peers, tf, progress } = bench;
  progress.begin("the processor's limit", 3);
  const limits: { threads: number; limit: Limit }[] = [];
  for (const threads of threadCounts) limits.push({ threads, limit: await measureLimit(engine.build, threads) });

  const tokenizer = bertTokenizer();
  const sentences = readSentences();
  const rows: EncoderRow[] = [];
  const notes: string[] = [];
  for (const model of models) {
    progress.begin(`preparing ${model}`, weights[model][0]!);
    const note = (line: string) => {
      notes.push(`${model}: ${line}`);
      progress.say(`${model}: ${line}`);
    };
    const config = model === "mobilebert" ? mobileBertConfig(vocabSize) : bertConfig(model, vocabSize);
    const field: Field = { engines: [engine], peers, tf, threads: threadCounts, note };
    const contenders = await createContenders(field, { config, weights: randomBert(config, 1), pooling: "mean" });
    await checkAgreement(contenders, tokenizer.encode(sentences[0]!, { maxTokens }).ids, note);
    for (const [i, tokens] of encodings.entries()) {
      progress.begin(`${model}, ${tokens === "32" ? "padded to 32 tokens" : "true length"}`, weights[model][i + 1]!);
      const encode = tokens === "32" ? padded(tokenizer) : trueLength(tokenizer);
      const timings = await timeContenders(contenders, { sentences, encode, model, progress, note });
      const operations = meanOperations(config, sentences, encode);
      rows.push(...toRows(contenders, timings, { model, tokens, operations, limits }));
    }
    if (engine.name === "native" && model !== "mobilebert") {
      progress.begin(`${model}, batches`, weights[model][3]!);
      const encode = trueLength(tokenizer);
      const onRound = (done: number, total: number) => progress.advance(done / total);
      const rounds = model === "tiny" ? 15 : 7;
      const batches = await timeBatches(contenders, { sentences, encode, rounds, onRound, note });
      const operations = meanOperations(config, sentences, encode);
      for (const batch of batches) {
        const share = shareOf({ ...batch, ours: true }, { operations, limits });
        rows.push({ ...batch, model, tokens: "batch", shareOfLimit: share, ratioToBestPeer: null });
      }
    }
    for (const { dispose } of contenders) await dispose?.();
  }
  return { limits, notes, rows };
}

interface Work {
  readonly sentences: readonly string[];
  readonly encode: (text: string) => Int32Array;
  readonly model: ModelName;
  readonly progress: BenchProgress;
  readonly note: (line: string) => void;
}

/**
 * One timing a contender, undefined for a contender that is not built. Contenders with two threads take turns among
 * themselves, because their threads spin on a little.
 */
async function timeContenders(
  contenders: readonly EncoderContender[],
  { sentences, encode, model, progress, note }: Work,
): Promise<(Timing | undefined)[]> {
  const timings = contenders.map((): Timing | undefined => undefined);
  const rounds = sentences.length * (model === "tiny" ? 5 : 1);
  for (const [pass, threads] of threadCounts.entries()) {
    const chosen = contenders.flatMap((one, i) =>
      one.threads === threads && one.features !== undefined ? [{ i, ...one, features: one.features }] : [],
    );
    const named = chosen.map(({ engine, dtype, features, restMs = 3 }) => {
      const name = `${engine} ${dtype} ${threadsOf(threads)}`;
      const one = sentenceBySentence(name, sentences, (text) => features(encode(text)));
      if (threads === 1) return one;
      // A contender with long pauses does not take part in every round if there are many.
      return { ...one, pauseMs: restMs, every: model === "tiny" && restMs > 3 ? 3 : 1 };
    });
    const options = { rounds, warmups: model === "tiny" ? 150 : 8 };
    const onCut = (cut: number) => note(`${threadsOf(threads)}: ${cut} of ${rounds} rounds, the machine being busy`);
    const onRound = (done: number, total: number) => progress.advance((pass + done / total) / threadCounts.length);
    for (const [k, timing] of (await timeInTurn(named, { ...options, onRound, onCut })).entries()) {
      timings[chosen[k]!.i] = timing;
    }
  }
  return timings;
}

interface Setting {
  readonly model: ModelName;
  readonly tokens: EncoderRow["tokens"];
  /** Operations for one sentence, on average. */
  readonly operations: number;
  readonly limits: readonly { readonly threads: number; readonly limit: Limit }[];
}

function toRows(
  contenders: readonly EncoderContender[],
  timings: readonly (Timing | undefined)[],
  { model, tokens, operations, limits }: Setting,
): EncoderRow[] {
  return contenders.map(({ engine, dtype, threads, ours }, i) => {
    const { medianMs, p90Ms } = timings[i] ?? { medianMs: null, p90Ms: null };
    const share = medianMs === null ? null : shareOf({ medianMs, dtype, threads, ours }, { operations, limits });
    const rivals = contenders.flatMap((peer, k) => (isRival(peer, { dtype, threads }) ? [timings[k]!.medianMs] : []));
    const ratioToBestPeer = ours ? ratioToBest(medianMs, rivals) : null;
    return { engine, model, dtype, threads, tokens, medianMs, p90Ms, shareOfLimit: share, ratioToBestPeer };
  });
}

function shareOf(
  { medianMs, dtype, threads, ours }: { medianMs: number; dtype: Dtype; threads: number; ours: boolean },
  { operations, limits }: Pick<Setting, "operations" | "limits">,
): number | null {
  const { limit } = limits.find((one) => one.threads === threads)!;
  return shareOfLimit({ dtype, ours, operations: operations / (medianMs * 1e-3) }, limit);
}

/**
 * A peer may use fewer threads if that is faster. No peer computes in FP16 on such a processor, so
 * float32 stands for FP16.
 */
function isRival(peer: EncoderContender, { dtype, threads }: { dtype: Dtype; threads: number }): boolean {
  const theirs = dtype === "int8" ? "int8" : "fp32";
  return !peer.ours && peer.dtype === theirs && peer.threads <= threads;
}

function meanOperations(config: EncoderConfig, sentences: readonly string[], encode: Work["encode"]): number {
  const each = sentences.map((sentence) => forwardOperations(config, encode(sentence).length));
  return each.reduce((sum, operations) => sum + operations, 0) / each.length;
}

function sentenceBySentence(name: string, sentences: readonly string[], work: (text: string) => unknown): Contender {
  let next = 0;
  return contender(name, () => work(sentences[next++ % sentences.length]!));
}

const trueLength = (tokenizer: Tokenizer) => (text: string) => tokenizer.encode(text, { maxTokens }).ids;
/** Pads as the paper's phone app does: padding is attended to. */
const padded = (tokenizer: Tokenizer) => (text: string) => tokenizer.encode(text, { maxTokens, pad: true }).ids;
