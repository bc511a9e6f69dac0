// The engine in a browser's worker: the kernels in WebAssembly, on several threads where the page is
// isolated from other origins.

import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine, hasRelaxedSimd, type WasmEngine } from "@attune/ml/engine/wasm-engine";
import type { WasmBuilds } from "@attune/ml/engine/wasm-kernel";
import { createWasmTeam, type TeamOptions } from "@attune/ml/engine/wasm-team";
import { MlError } from "@attune/ml/error";
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

interface ChosenWebEngine {
  readonly engine: Engine;
  /** The engine's description for the status page. */
  readonly why: () => string;
}

export interface WebEngine {
  readonly engine: WasmEngine;
  /** The engine's description for the status page. */
  readonly why: () => string;
  /** Whether all threads have started; one thread computes until then. */
  readonly allStarted: () => boolean;
}

/** The engine that this browser can run, best first, and why no better one. The reference runs everywhere. */
export async function chooseWebEngine(options: WebEngineOptions): Promise<ChosenWebEngine> {
  if (typeof WebAssembly === "undefined") return plain("this browser has no WebAssembly");
  try {
    return await openWebEngine(options);
  } catch (cause) {
    if (!(cause instanceof MlError) && !(cause instanceof AppError)) throw cause;
    return plain(cause.message);
  }
}

function plain(why: string): ChosenWebEngine {
  return { engine: referenceEngine, why: () => `plain TypeScript: ${why}` };
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
    const response = await fetch(`${kernels}${name}`).catch(() => undefined);
    if (response === undefined) throw new AppError("SERVER_UNAVAILABLE", `${name} cannot be fetched`);
    if (!response.ok) {
      throw new AppError("SERVER_UNAVAILABLE", `${name} cannot be fetched: the server answered ${response.status}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  };
  // A phone downloads the one build that it runs.
  return hasRelaxedSimd()
    ? { simd128: new Uint8Array(0), relaxed: await fetchBytes(`attune-relaxed${form}.wasm`) }
    : { simd128: await fetchBytes(`attune-simd128${form}.wasm`) };
}

function spawnFrom(script: string): TeamOptions["spawn"] {
  return (start, onEnd) => {
    const worker = new Worker(script, { type: "module" });
    worker.addEventListener("error", ({ message }) => onEnd(message));
    worker.postMessage(start);
    return () => worker.terminate();
  };
}
