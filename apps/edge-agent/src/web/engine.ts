// The engine in a browser's worker: the kernels in WebAssembly, on several threads where the page is
// isolated from other origins.

import { createWasmEngine, type WasmEngine } from "@attune/ml/engine/wasm-engine";
import type { WasmBuilds } from "@attune/ml/engine/wasm-kernel";
import { createWasmTeam, type TeamOptions } from "@attune/ml/engine/wasm-team";
import { AppError } from "@attune/shared/errors";
import { describeWasm } from "../core/prediction/describe-engine.js";

interface WebEngineOptions {
  /** The folder that serves the kernels' builds, with a slash at its end. */
  readonly kernels: string;
  /** The script of a kernel's thread. */
  readonly threadScript: string;
  /** The number of threads that compute an encoder's forward. One thread computes where the page is not isolated. */
  readonly threads: number;
}

export interface WebEngine {
  readonly engine: WasmEngine;
  /** The engine's description for the status page. */
  readonly why: () => string;
  /** Whether all threads have started; one thread computes until then. */
  readonly allStarted: () => boolean;
}

/**
 * Throws MlError where the browser has no SIMD in WebAssembly, and SERVER_UNAVAILABLE where a kernel cannot be fetched.
 */
export async function openWebEngine({ kernels, threadScript, threads }: WebEngineOptions): Promise<WebEngine> {
  const [builds, shared] = await Promise.all([
    fetchBuilds(kernels, ""),
    threads > 1 ? fetchBuilds(kernels, "-threads") : undefined,
  ]);
  const team = shared && createWasmTeam({ threads, builds: shared, spawn: spawnFrom(threadScript) });
  const engine = createWasmEngine(builds, team);
  return {
    engine,
    why: () => describeWasm({ build: engine.build, threads, failure: team?.failure() }),
    allStarted: () => team?.allStarted() ?? true,
  };
}

async function fetchBuilds(kernels: string, form: "" | "-threads"): Promise<WasmBuilds> {
  const fetchBytes = async (name: string): Promise<Uint8Array> => {
    const response = await fetch(`${kernels}${name}`);
    if (!response.ok) {
      throw new AppError("SERVER_UNAVAILABLE", `${name} cannot be fetched: the server answered ${response.status}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  };
  const [simd128, relaxed] = await Promise.all([
    fetchBytes(`attune-simd128${form}.wasm`),
    fetchBytes(`attune-relaxed${form}.wasm`),
  ]);
  return { simd128, relaxed };
}

function spawnFrom(script: string): TeamOptions["spawn"] {
  return (start, onEnd) => {
    const worker = new Worker(script, { type: "module" });
    worker.addEventListener("error", ({ message }) => onEnd(message));
    worker.postMessage(start);
    return () => worker.terminate();
  };
}
