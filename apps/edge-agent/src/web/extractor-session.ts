// What the worker does with each request, whatever carries it: loads, predicts, extracts, one request after the other.
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { MlError } from "@attune/ml/error";
import type { FeatureExtractor } from "@attune/ml/features/extractor";
import { openFeatureExtractor, warmUpRounds, warmUpTexts } from "@attune/ml/features/open-extractor";
import { assertSameFeatures, type Head } from "@attune/ml/heads/head";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { type ByteSource, parseSafetensors } from "@attune/ml/tensor/safetensors";
import type { ErrorMessage, FromWorker, Loaded, LoadInput, Prediction, Request, ToWorker } from "./messages.js";

/** Between two steps of long work, so that an abort can come in: one of the engine's batches. */
const textsInStep = 32;

interface Pair {
  readonly extractor: FeatureExtractor;
  readonly prior: Head;
}

export interface SessionPorts {
  readonly send: (message: FromWorker, handOver: ArrayBufferLike[]) => void;
  /** Resolves after what has arrived in the meantime was received. */
  readonly nextTurn: () => Promise<void>;
  readonly openBlob: (blob: Blob) => ByteSource;
}

/** Returns what to call with each message. */
export function createExtractorSession({ send, nextTurn, openBlob }: SessionPorts): (message: ToWorker) => void {
  const queue: Request[] = [];
  const aborted = new Set<number>();
  let running: number | undefined;
  let pair: Pair | undefined;

  async function perform(request: Request): Promise<void> {
    switch (request.name) {
      case "load": {
        const loaded = load(request.input, openBlob);
        pair = loaded.pair;
        return send({ id: request.id, ok: true, result: loaded.result }, []);
      }
      case "predict": {
        const result = predict(opened(), request.input);
        return send({ id: request.id, ok: true, result }, [result.features.buffer, result.probabilities.buffer]);
      }
      case "extractAll": {
        const result = await extractAll(request.id, request.input);
        return send({ id: request.id, ok: true, result }, [result.buffer]);
      }
    }
  }

  function opened(): Pair {
    if (pair === undefined) throw new MlError("empty", "No extractor is loaded; load one first");
    return pair;
  }

  async function extractAll(id: number, texts: readonly string[]): Promise<Float32Array> {
    const { extractor } = opened();
    const features = new Float32Array(texts.length * extractor.featureSize);
    for (let first = 0; first < texts.length; first += textsInStep) {
      if (first > 0) await nextTurn();
      if (aborted.has(id)) throw new MlError("aborted", "Stopped as asked");
      const { data } = extractor.extractAll(texts.slice(first, first + textsInStep));
      features.set(data, first * extractor.featureSize);
    }
    return features;
  }

  async function run(): Promise<void> {
    for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
      running = request.id;
      // What was asked for and taken back in one breath is never begun.
      await nextTurn();
      try {
        if (aborted.has(request.id)) throw new MlError("aborted", "Stopped as asked");
        await perform(request);
      } catch (error) {
        send({ id: request.id, ok: false, error: errorMessage(error) }, []);
      }
      aborted.delete(request.id);
    }
    running = undefined;
  }

  return (message) => {
    if (message.name === "abort") {
      if (message.id === running || queue.some(({ id }) => id === message.id)) aborted.add(message.id);
      return;
    }
    queue.push(message);
    if (running === undefined) void run();
  };
}

function load(input: LoadInput, openBlob: SessionPorts["openBlob"]): { pair: Pair; result: Loaded } {
  const { settings, prior: priorBytes, kernels } = input;
  const engine = createWasmEngine(kernels);
  const { model: given } = input.extractor;
  const model = given instanceof Uint8Array ? given : openBlob(given);
  const extractor = openFeatureExtractor(engine, { ...input.extractor, model }, settings);
  const prior = loadHead(parseSafetensors(priorBytes), engine.heads);
  const { classes } = prior.identity;
  assertSameFeatures(prior, { features: settings.identity, classes });
  if (prior.inputSize !== extractor.featureSize) {
    throw new MlError(
      "mismatch",
      `The prior head takes ${prior.inputSize} features, the extractor gives ${extractor.featureSize}`,
    );
  }
  const pair = { extractor, prior };
  for (let round = 0; round < warmUpRounds; round++) {
    for (const text of warmUpTexts) predict(pair, text);
  }
  return { pair, result: { featureSize: extractor.featureSize, classes, build: engine.build } };
}

function predict({ extractor, prior }: Pair, text: string): Prediction {
  const features = extractor.extract(text);
  return { features, probabilities: prior.probabilities(createMatrix(1, features.length, features)).data };
}

function errorMessage(error: unknown): ErrorMessage {
  if (error instanceof MlError) return { name: error.name, message: error.message, code: error.code };
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: "Error", message: "The worker failed" };
}
