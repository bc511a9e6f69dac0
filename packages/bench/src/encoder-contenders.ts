// The contenders of tables 8 and 9: one model in our engine and in each peer, in every dtype and number
// of threads on offer.

import type { Pooling } from "@attune/ml/encoder/pooling";
import type { TensorFile } from "@attune/ml/tensor/safetensors";
import { type Dtype, dtypes, inDtype, type OurEngine } from "./engines.js";
import { type OnnxConfig, type OnnxForm, onnxForms } from "./onnx-blocks.js";
import { onnxEncoder } from "./onnx-model.js";
import { loadPeer, type Ort, type OrtEncoder, ortEncoder, type PeerName, peerRestMs } from "./peers.js";
import type { Tf } from "./product.js";
import { tensorflowBert } from "./tensorflow-bert.js";
import { contender, timeInTurn } from "./timing.js";

export interface EncoderContender {
  readonly engine: string;
  readonly dtype: Dtype;
  readonly threads: number;
  readonly ours: boolean;
  /** Undefined if this build does not have it. */
  readonly features: ((ids: Int32Array) => Float32Array | Promise<Float32Array>) | undefined;
  /** Features of many texts in one call; our engine alone has it. */
  readonly batch?: ((texts: readonly Int32Array[]) => unknown) | undefined;
  /** For how long the threads may spin after a forward; default 3. */
  readonly restMs?: number;
  readonly dispose?: () => unknown;
}

interface Model {
  readonly config: OnnxConfig;
  readonly weights: TensorFile;
  readonly pooling: Pooling;
}

export interface Field {
  readonly engines: readonly OurEngine[];
  readonly peers: readonly PeerName[];
  readonly tf: Tf | undefined;
  readonly threads: readonly number[];
  /** Receives a line about how a peer was run, for the reader of the table. */
  readonly note: (line: string) => void;
}

export async function createContenders(field: Field, model: Model): Promise<EncoderContender[]> {
  const contenders: EncoderContender[] = [];
  for (const dtype of dtypes) {
    const weights = inDtype(model.weights, dtype);
    for (const engine of field.engines) {
      for (const threads of field.threads) {
        const encoder = await engine.createEncoder(model.config, weights, threads);
        const features = encoder && ((ids: Int32Array) => encoder.pooled!([ids], model.pooling).data);
        const batch = encoder && ((texts: readonly Int32Array[]) => encoder.pooled!(texts, model.pooling));
        contenders.push({ engine: engine.name, dtype, threads, ours: true, features, batch });
      }
    }
  }
  const forms: Record<OnnxForm, string[]> = { plain: [], fused: [] };
  for (const name of field.peers) {
    for (const threads of field.threads) {
      const ort = loadPeer(name, threads);
      if (ort === undefined) continue;
      for (const dtype of ["fp32", "int8"] as const) {
        const { encoder, form } = await fasterForm(ort, model, { name, dtype, threads });
        forms[form].push(`${name} ${dtype} (${threadsOf(threads)})`);
        contenders.push({ engine: name, dtype, threads, ours: false, restMs: peerRestMs[name], ...encoder });
      }
    }
  }
  for (const form of onnxForms) {
    if (forms[form].length > 0) field.note(`the ${form} export is the faster one in ${forms[form].join(", ")}`);
  }
  const { config } = model;
  if (field.tf !== undefined && config.modelType === "bert") {
    const peer = tensorflowBert(field.tf, { ...model, config });
    contenders.push({ engine: "tensorflow.js", dtype: "fp32", threads: 1, ours: false, ...peer });
  }
  return contenders;
}

/** Chooses between the plain and the fused export: only the strongest peer is a fair one. */
async function fasterForm(
  ort: Ort,
  { config, weights, pooling }: Model,
  { name, dtype, threads }: { name: PeerName; dtype: Dtype; threads: number },
) {
  const encoders: OrtEncoder[] = [];
  for (const form of onnxForms) {
    const onnx = onnxEncoder(config, weights, { form, int8: dtype === "int8", pooling });
    encoders.push(await ortEncoder(ort, onnx, { name, threads }));
  }
  const ids = Int32Array.from({ length: 32 }, (_, i) => (997 * i) % config.vocabSize);
  const timings = await timeInTurn(
    encoders.map(({ features }, i) => contender(onnxForms[i]!, () => features(ids))),
    config.hiddenSize > 256 ? { rounds: 7, warmups: 2 } : { rounds: 60, warmups: 40 },
  );
  const fused = timings[1]!.medianMs < timings[0]!.medianMs ? 1 : 0;
  await encoders[1 - fused]!.dispose();
  return { encoder: encoders[fused]!, form: onnxForms[fused]! };
}

export function threadsOf(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}

/**
 * Throws for a peer that computes other features, which would be no peer. In int8 the difference is only noted: a peer
 * rounds a whole tensor's activations by one scale. On AVX2, ONNX Runtime's 16-bit products saturate too.
 */
export async function checkAgreement(contenders: readonly EncoderContender[], ids: Int32Array, note: Field["note"]) {
  let expected: Float32Array | undefined;
  const differences: string[] = [];
  for (const { engine, dtype, threads, features } of contenders) {
    if (features === undefined) continue;
    const actual = Float32Array.from(await features(ids));
    expected ??= actual;
    const squares = actual.reduce((sum, value, k) => sum + (value - expected![k]!) ** 2, 0);
    const difference = Math.sqrt(squares / expected.length);
    if (actual.length !== expected.length || !(difference < (dtype === "fp32" ? 1e-3 : Number.POSITIVE_INFINITY))) {
      throw new Error(`${engine} computes other features (off by ${difference}); the comparison would mean nothing`);
    }
    if (threads === 1 && difference > 0) differences.push(`${engine} ${dtype} ${difference.toExponential(0)}`);
  }
  note(`features differ from our float32 by (root mean square) ${differences.join(", ")}`);
}
