// The engine that computes encoders and heads in WebAssembly, for programs that run on Node.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine, type WasmEngine } from "@attune/ml/engine/wasm-engine";
import { createWasmTeam, type TeamOptions } from "@attune/ml/engine/wasm-team";

/**
 * WebAssembly where the host has it: the same kernels as on devices. The name distinguishes kernels that may differ
 * in the last bits.
 */
export function openEngine(): { readonly engine: Engine; readonly name: string } {
  try {
    const builds = { simd128: kernel("simd128"), relaxed: kernel("relaxed") };
    const engine = createWasmEngine(builds);
    const digest = createHash("sha256").update(builds[engine.build]).digest("hex");
    return { engine, name: `wasm-${engine.build} ${digest.slice(0, 8)}` };
  } catch {
    return { engine: referenceEngine, name: "reference" };
  }
}

interface ReproducibleEngine {
  readonly engine: WasmEngine;
  /** Ends the threads. */
  close(): void;
}

/**
 * The engine for published results: the same bits on every machine and on any number of threads, which no other build
 * gives. With relaxed SIMD, each processor chooses whether a product is rounded before it is added. The remaining
 * threads compute if one cannot start. Throws MlError where the host has no SIMD.
 */
export function openReproducibleEngine(threads: number): ReproducibleEngine {
  const builds = { simd128: kernel("simd128-threads") };
  const team = threads < 2 ? undefined : createWasmTeam({ threads, builds, spawn: spawnKernelThread });
  return {
    engine: createWasmEngine({ simd128: kernel("simd128") }, team),
    close: () => team?.close(),
  };
}

function kernel(build: "simd128" | "simd128-threads" | "relaxed"): Uint8Array {
  const require = createRequire(import.meta.url);
  return readFileSync(require.resolve(`@attune/ml/kernels/attune-${build}.wasm`));
}

/** The path relative to src and to dist alike. */
const threadScript = new URL("../../ml/kernels/threads/thread.js", import.meta.url);

const spawnKernelThread: TeamOptions["spawn"] = (start, onEnd) => {
  const worker = new Worker(threadScript, { workerData: start, execArgv: [], env: {} });
  worker.unref();
  worker.on("error", onEnd);
  worker.on("exit", (code) => onEnd(new Error(`a thread ended with code ${code}`)));
  return () => void worker.terminate();
};
