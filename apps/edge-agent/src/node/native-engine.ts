// The C kernels as a Node-API addon, where native/build.js could build it: the fastest engine a daemon has.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine } from "@attune/ml/engine/engine";
import { type HeadCore, headFunctions, type NumberArray } from "@attune/ml/engine/head-core";
import { createKernelEncoder, type EncoderKernel } from "@attune/ml/engine/kernel-encoder";
import { createHeadKernels } from "@attune/ml/engine/kernel-heads";
import { type KernelWeights, kernelConfig, kernelWeights, loadTensors } from "@attune/ml/engine/kernel-weights";
import { MlError } from "@attune/ml/error";
import { isPresentSync } from "@attune/platform/presence";

/**
 * The exports of `kernels/node/addon.c`. Returned numbers are codes of
 * `packages/ml/kernels/encoder/encoder.h`, 0 for success.
 */
export interface NativeAddon {
  /** The instruction sets that this processor has, best first. */
  instructionSets(): string[];
  createEncoder(instructionSet: number, config: Uint8Array, threads: number): object | number;
  load(
    encoder: object,
    slot: number,
    layer: number,
    first: number,
    count: number,
    values: Float32Array | Int8Array | Uint16Array,
    scales: Float32Array | undefined,
  ): number;
  embed(encoder: object, ids: Int32Array, lengths: Int32Array, mask: Uint8Array | undefined): number;
  run(encoder: object, first: number, last: number): number;
  readHidden(encoder: object, out: Float32Array): number;
  pool(encoder: object, pooling: number, out: Float32Array): number;
  /** For benchmarks: operations of a loop over registers alone, quantized (1) or in float32 (0). */
  spin(instructionSet: number, quantized: number, rounds: number): number;
  /** Makes the C library keep little of what was freed; false where it is not glibc. See memory-keeper.ts. */
  saveMemory(): boolean;
  /**
   * As in `kernels/heads/call.h`: the function, its numbers, its arrays. Throws a RangeError where the function
   * does not take them.
   */
  headCall(fn: number, ...numbersAndArrays: readonly (number | NumberArray)[]): number;
}

/** The path is relative to src/node and to dist/node alike. */
const addonPath = fileURLToPath(
  new URL(`../../dist/native/attune-${process.platform}-${process.arch}.node`, import.meta.url),
);

/** Throws where the addon was not built, with the reason that native/build.js left, or cannot be loaded here. */
export function loadNativeAddon(path: string = addonPath): NativeAddon {
  if (!isPresentSync(path)) {
    const word = join(dirname(path), "not-built.txt");
    const why = isPresentSync(word) ? readFileSync(word, "utf8") : "native/build.js did not run";
    throw new MlError("unsupported", `they were not built: ${why}`);
  }
  // As `require` does in the end. Its search for the file takes five times as long as the loading.
  const addon = { exports: {} };
  process.dlopen(addon, path);
  return addon.exports as NativeAddon;
}

interface NativeEngine extends Engine {
  readonly name: "native";
  readonly instructionSet: string;
  readonly threads: number;
}

interface NativeOptions {
  /** An instruction set of the addon's; default the best. */
  readonly instructionSet?: string;
  /**
   * The number of threads that compute an encoder's forward, the calling thread among them: 1 (the default) to 64. The
   * result is the same to the last bit. One thread computes a text that is too short for its model to gain by more.
   */
  readonly threads?: number;
}

/** Throws `unsupported` where this processor has none of the instruction sets. */
export function createNativeEngine(
  addon: NativeAddon,
  { instructionSet, threads = 1 }: NativeOptions = {},
): NativeEngine {
  const sets = addon.instructionSets();
  const index = instructionSet === undefined ? 0 : sets.indexOf(instructionSet);
  const chosen = sets[index];
  if (chosen === undefined) {
    throw new MlError("unsupported", "this processor has neither AVX2 with FMA and F16C nor 64-bit Arm's NEON");
  }
  return {
    name: "native",
    instructionSet: chosen,
    threads,
    createEncoder(config, tensors) {
      const weights = kernelWeights(config, tensors);
      const rows = Math.max(config.maxPositionEmbeddings, minRows);
      const kernel = createKernel(addon, {
        index,
        threads,
        config: kernelConfig(config, weights, rows),
        weights,
        rows,
      });
      return createKernelEncoder(config, kernel);
    },
    heads: createHeadKernels(createNativeHeadCore(addon)),
  };
}

/** Arrays may lie anywhere: the addon checks each array at every call. */
function createNativeHeadCore(addon: NativeAddon): HeadCore {
  return {
    open(layout) {
      const arrays = Object.entries(layout).map(([name, [type, length]]) => [name, new type(length)]);
      return {
        arrays: Object.fromEntries(arrays),
        call: (name, numbers, given) => addon.headCall(headFunctions[name], ...numbers, ...given),
        close: () => undefined,
      };
    },
  };
}

/** Room for a batch of short texts, whatever the model's longest text is. */
const minRows = 256;
const batchTexts = 32;
/** The piece of a tensor on its way from the file to the kernels: large enough that the calls cost nothing. */
const pieceBytes = 262_144;

/** As in `kernels/node/addon.c`. */
const noThreads = -11;

interface KernelParts {
  readonly index: number;
  readonly threads: number;
  readonly config: Uint8Array;
  readonly weights: KernelWeights;
  readonly rows: number;
}

function createKernel(addon: NativeAddon, { index, threads, config, weights, rows }: KernelParts): EncoderKernel {
  const encoder = addon.createEncoder(index, config, threads);
  if (encoder === noThreads) throw new MlError("unsupported", `The system gives no ${threads} threads`);
  if (typeof encoder === "number") {
    throw new MlError("unsupported", `No memory for the encoder, or its sizes are out of range (code ${encoder})`);
  }
  loadTensors(weights, pieceBytes, ({ slot, layer, cols }, first, { values, scales }) =>
    addon.load(encoder, slot, layer, first, values.length / cols, values, scales),
  );
  return {
    rows,
    texts: batchTexts,
    embed: (ids, lengths, mask) => addon.embed(encoder, ids, lengths, mask),
    run: (first, last) => addon.run(encoder, first, last),
    readHidden(out) {
      addon.readHidden(encoder, out);
    },
    pool: (pooling, out) => addon.pool(encoder, pooling, out),
  };
}
