// The engine that computes encoders and heads in WebAssembly, for programs that run on Node.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine, type WasmEngine } from "@attune/ml/engine/wasm-engine";
import { createWasmTeam, type TeamOptions } from "@attune/ml/engine/wasm-team";

/** WebAssembly where the host has it: the same kernels as on devices. Its name tells kernels apart that may differ in the last bits. */
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

export interface ReproducibleEngine {
  readonly engine: WasmEngine;
  /** Ends the threads. */
  close(): void;
}

/**
 * For what is published: the same bits on every machine and on any number of threads, which of the builds only this one gives. Whether relaxed SIMD
 * rounds a product before it adds is each processor's choice. Where a thread cannot start, the others compute. Throws MlError where the host has no
 * SIMD.
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

/** Relative to src and to dist alike. */
const threadScript = new URL("../../ml/kernels/threads/thread.js", import.meta.url);

const spawnKernelThread: TeamOptions["spawn"] = (start, onEnd) => {
  const worker = new Worker(threadScript, { workerData: start, execArgv: [], env: {} });
  worker.unref();
  worker.on("error", onEnd);
  worker.on("exit", (code) => onEnd(new Error(`a thread ended with code ${code}`)));
  return () => void worker.terminate();
};
