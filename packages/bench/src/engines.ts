// Our engines for the benches: the builds, dtypes and numbers of threads that this installation offers.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type { EncoderConfig } from "@attune/ml/encoder/config";
import type { Encoder } from "@attune/ml/encoder/encoder";
import type { Engine } from "@attune/ml/engine/engine";
import { kernelWeights } from "@attune/ml/engine/kernel-weights";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { createWasmTeam } from "@attune/ml/engine/wasm-team";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { halveTensorFile } from "@attune/ml/quantization/fp16";
import { quantizeTensorFile } from "@attune/ml/quantization/int8";
import type { TensorFile } from "@attune/ml/tensor/safetensors";
import { openKernelThreads, openNativeEngine } from "./product.js";

export const dtypes = ["fp32", "fp16", "int8"] as const;
export type Dtype = (typeof dtypes)[number];

export interface OurEngine {
  readonly name: "native" | "wasm";
  /** The build, whose instructions limits.ts measures. */
  readonly build: "native" | "simd128" | "relaxed";
  /** The instructions in readable form. */
  readonly instructions: string;
  readonly heads: HeadKernels;
  /**
   * Resolves once the threads have started; resolves to undefined for a dtype or number of threads
   * that this build lacks.
   */
  createEncoder(config: EncoderConfig, weights: Weights, threads: number): Promise<Encoder | undefined>;
}

interface Weights {
  readonly dtype: Dtype;
  readonly file: TensorFile;
}

export function kernelBytes(build: "simd128" | "relaxed", form: "" | "-threads" = ""): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve(`@attune/ml/kernels/attune-${build}${form}.wasm`));
}

/** Undefined if the addon was not built or does not load; standard error then says so. */
export async function nativeEngine(): Promise<OurEngine | undefined> {
  const { createNativeEngine, loadNativeAddon } = await openNativeEngine();
  let addon: ReturnType<typeof loadNativeAddon>;
  let engine: ReturnType<typeof createNativeEngine>;
  try {
    addon = loadNativeAddon();
    engine = createNativeEngine(addon);
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    process.stderr.write(
      `the native kernels are left out: ${reason}; node apps/edge-agent/native/build.js builds them\n`,
    );
    return undefined;
  }
  const on: Opener = async (threads, create) => create(createNativeEngine(addon, { threads }));
  return { name: "native", build: "native", instructions: engine.instructionSet, ...offered(engine, on) };
}

export function wasmEngine(): OurEngine {
  const builds = { simd128: kernelBytes("simd128"), relaxed: kernelBytes("relaxed") };
  const engine = createWasmEngine(builds);
  const instructions = engine.build === "relaxed" ? "SIMD128 with relaxed SIMD" : "SIMD128";
  return { name: "wasm", build: engine.build, instructions, ...offered(engine, on) };

  async function on(threads: number, create: (engine: Engine) => Encoder): Promise<Encoder | undefined> {
    const { spawnKernelThread } = await openKernelThreads();
    const shared = { simd128: kernelBytes("simd128", "-threads"), relaxed: kernelBytes("relaxed", "-threads") };
    const team = createWasmTeam({ threads, builds: shared, spawn: spawnKernelThread });
    const encoder = create(createWasmEngine(builds, team));
    while (!team.allStarted()) await sleep(1);
    if (team.failure() === undefined) return encoder;
    process.stderr.write(`the kernels in WebAssembly have no ${threads} threads: ${team.failure()}\n`);
    return undefined;
  }
}

/** Creates an encoder with the same engine on more than one thread. */
type Opener = (threads: number, create: (engine: Engine) => Encoder) => Promise<Encoder | undefined>;

function offered(engine: Engine, on: Opener): Pick<OurEngine, "heads" | "createEncoder"> {
  return {
    heads: engine.heads,
    async createEncoder(config, { dtype, file }, threads) {
      if (dtype === "fp16" && !keepsHalf(config, file)) return undefined;
      const create = (one: Engine) => one.createEncoder(config, file);
      return threads === 1 ? create(engine) : on(threads, create);
    },
  };
}

/**
 * Whether FP16 weights reach the kernels unchanged: after widening, the kernels would compute in
 * float32 under another name.
 */
function keepsHalf(config: EncoderConfig, file: TensorFile): boolean {
  return kernelWeights(config, file).format === "float16";
}

export function inDtype(file: TensorFile, dtype: Dtype): Weights {
  if (dtype === "int8") return { dtype, file: quantizeTensorFile(file) };
  return { dtype, file: dtype === "fp16" ? halveTensorFile(file) : file };
}
