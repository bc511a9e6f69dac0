// Measures the gain of a batch: all sentences in one call, beside one call a sentence. A device embeds its store so
// for a new extractor.

import { type EncoderContender, threadsOf } from "./encoder-contenders.js";
import { contender, timeInTurn } from "./timing.js";

interface BatchWork {
  readonly sentences: readonly string[];
  readonly encode: (text: string) => Int32Array;
  /** How often all sentences are embedded, in each way. */
  readonly rounds: number;
  readonly onRound: (done: number, total: number) => void;
  readonly note: (line: string) => void;
}

/** The time of one sentence in a batch, in milliseconds. */
interface BatchTiming extends Pick<EncoderContender, "engine" | "dtype" | "threads"> {
  readonly medianMs: number;
  readonly p90Ms: number;
}

/** Times int8 alone, the dtype of devices. */
export async function timeBatches(
  contenders: readonly EncoderContender[],
  { sentences, encode, rounds, onRound, note }: BatchWork,
): Promise<BatchTiming[]> {
  const chosen = contenders.flatMap(({ engine, dtype, threads, features, batch }) =>
    dtype === "int8" && features !== undefined && batch !== undefined
      ? [{ engine, dtype, threads, features, batch }]
      : [],
  );
  const ways = chosen.flatMap(({ threads, features, batch }) => [
    contender(`one by one, ${threadsOf(threads)}`, () => {
      for (const sentence of sentences) features(encode(sentence));
    }),
    contender(`a batch, ${threadsOf(threads)}`, () => batch(sentences.map(encode))),
  ]);
  const timings = await timeInTurn(ways, { rounds, warmups: 1, onRound, budgetMs: 20_000 });
  return chosen.map(({ engine, dtype, threads }, i) => {
    const [alone, together] = [timings[2 * i]!, timings[2 * i + 1]!];
    const gain = (alone.medianMs / together.medianMs).toFixed(2);
    note(`a batch of ${sentences.length} sentences is ${gain}x as fast as one by one on ${threadsOf(threads)}`);
    const each = (ms: number) => ms / sentences.length;
    return { engine, dtype, threads, medianMs: each(together.medianMs), p90Ms: each(together.p90Ms) };
  });
}
