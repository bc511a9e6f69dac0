// An Encoder over the C kernels, whichever host runs them. It checks the input, splits batches, and
// turns codes into errors.

import type { EncoderConfig } from "../encoder/config.js";
import type { Encoder, EncoderOutput } from "../encoder/encoder.js";
import { checkInput } from "../encoder/input.js";
import { type Pooling, pooledSize, poolings } from "../encoder/pooling.js";
import { MlError } from "../error.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";

/**
 * One loaded encoder in a kernel's memory. Its methods return a code of
 * `packages/ml/kernels/encoder/encoder.h`, 0 for success.
 */
export interface EncoderKernel {
  /** The most tokens that one `embed` may take. */
  readonly rows: number;
  /** The most texts that one `embed` may take. */
  readonly texts: number;
  /** ids: the texts one after the other; lengths: one for each text; mask: 1 = attend to. */
  embed(ids: Int32Array, lengths: Int32Array, mask?: Uint8Array): number;
  /** Computes layers [first, last). */
  run(first: number, last: number): number;
  /** Copies the hidden states, (tokens, hiddenSize), row after row. */
  readHidden(out: Float32Array): void;
  /** Copies one vector for each text. `pooling` is the position in `poolings`. */
  pool(pooling: number, out: Float32Array): number;
}

const notFinite = -4;

export function createKernelEncoder(config: EncoderConfig, kernel: EncoderKernel): Encoder {
  const layers = config.numHiddenLayers;

  function readHidden(tokens: number): Matrix {
    const hidden = createMatrix(tokens, config.hiddenSize);
    kernel.readHidden(hidden.data);
    return hidden;
  }

  function forward(ids: Int32Array, mask?: Uint8Array): EncoderOutput {
    checkInput(config, ids, mask);
    check(kernel.embed(ids, Int32Array.of(ids.length), mask));
    const hiddenStates = [readHidden(ids.length)];
    for (let layer = 0; layer < layers; layer++) {
      check(kernel.run(layer, layer + 1));
      hiddenStates.push(readHidden(ids.length));
    }
    return { hiddenStates };
  }

  function pooled(texts: readonly Int32Array[], pooling: Pooling): Matrix {
    for (const ids of texts) checkInput(config, ids, undefined);
    const result = createMatrix(texts.length, pooledSize(config.hiddenSize, pooling));
    for (let first = 0; first < texts.length; ) {
      const batch = takeBatch(texts, first, kernel);
      check(kernel.embed(batch.ids, batch.lengths));
      check(kernel.run(0, layers));
      const last = first + batch.lengths.length;
      check(kernel.pool(poolings.indexOf(pooling), result.data.subarray(first * result.cols, last * result.cols)));
      first = last;
    }
    return result;
  }

  return { config, forward, pooled };
}

/** Takes as many texts from `first` on as the kernel has room for. Each single text fits. */
function takeBatch(
  texts: readonly Int32Array[],
  first: number,
  kernel: EncoderKernel,
): { ids: Int32Array; lengths: Int32Array } {
  let tokens = 0;
  let last = first;
  const end = Math.min(texts.length, first + kernel.texts);
  while (last < end && tokens + texts[last]!.length <= kernel.rows) {
    tokens += texts[last++]!.length;
  }
  if (last === first + 1) return { ids: texts[first]!, lengths: Int32Array.of(tokens) };
  const ids = new Int32Array(tokens);
  let at = 0;
  for (const text of texts.slice(first, last)) {
    ids.set(text, at);
    at += text.length;
  }
  return { ids, lengths: Int32Array.from(texts.slice(first, last), (text) => text.length) };
}

function check(code: number): void {
  if (code === 0) return;
  if (code === notFinite) {
    throw new MlError("not-finite", "The encoder's output is not finite: its weights overflow float32 on this text");
  }
  throw new MlError("out-of-range", `The encoder's kernel refused its input (code ${code})`);
}
