// Computes the bundled extractor's features on one thread and on several, and answers with both
// results and their times.

import { openWebEngine } from "@attune/edge-agent/web/engine";
import { parseEncoderConfig } from "@attune/ml/encoder/config";
import { parseSafetensors } from "@attune/ml/tensor/safetensors";
import { fetchBytes, kernels, threadScript } from "./served.js";

export interface ThreadsQuestion {
  readonly threads: number;
  readonly tokens: number;
  readonly rounds: number;
}

export interface ThreadsAnswer {
  readonly build: string;
  /** The name of the engine on several threads on the status page. */
  readonly why: string;
  readonly features: readonly [alone: number[], shared: number[]];
  readonly medianMs: readonly [alone: number, shared: number];
}

const median = (values: number[]) => values.sort((x, y) => x - y)[values.length >> 1]!;

async function compute({ threads, tokens, rounds }: ThreadsQuestion): Promise<ThreadsAnswer> {
  const config = parseEncoderConfig(new TextDecoder().decode(await fetchBytes("/assets/extractor/config.json")));
  const file = parseSafetensors(await fetchBytes("/assets/extractor/model.safetensors"));
  const alone = await openWebEngine({ kernels, threadScript, threads: 1 });
  const shared = await openWebEngine({ kernels, threadScript, threads });
  const ids = Int32Array.from({ length: tokens }, (_, i) => 100 + i);
  const encoders = [alone, shared].map(({ engine }) => engine.createEncoder(config, file));
  while (!shared.allStarted()) await new Promise((resolve) => setTimeout(resolve, 1));
  const features = encoders.map((encoder) => [...encoder.pooled!([ids], "mean").data]);
  const times: number[][] = encoders.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, encoder] of encoders.entries()) {
      const startedAt = performance.now();
      encoder.pooled!([ids], "mean");
      times[i]!.push(performance.now() - startedAt);
    }
  }
  return {
    build: shared.engine.build,
    why: shared.why(),
    features: [features[0]!, features[1]!],
    medianMs: [median(times[0]!), median(times[1]!)],
  };
}

self.onmessage = async ({ data }: MessageEvent<ThreadsQuestion>) => self.postMessage(await compute(data));
