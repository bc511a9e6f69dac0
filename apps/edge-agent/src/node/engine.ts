// Chooses the engine that computes features on this device, the best that loads: native kernels, the same in
// WebAssembly, or plain TypeScript.

import { readFileSync } from "node:fs";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import type { WasmBuilds } from "@attune/ml/engine/wasm-kernel";
import type { WasmTeam } from "@attune/ml/engine/wasm-team";
import { describeThreads, describeWasm } from "../core/prediction/describe-engine.js";
import { createNativeEngine, loadNativeAddon, type NativeAddon } from "./native-engine.js";

export interface ChosenEngine {
  readonly engine: Engine;
  /** For the status page: which engine runs, and why no better engine does. */
  readonly why: () => string;
  /** Ends the threads that the engine started; the engine then computes without them. */
  readonly close: () => void;
}

interface EngineOptions {
  /** The number of threads that compute an encoder's forward, default 1; the reference computes on one. */
  readonly threads?: number;
  readonly loadAddon?: () => NativeAddon;
  readonly readBuilds?: () => WasmBuilds;
}

/**
 * Never rejects: the reference runs everywhere. All three agree within the golden vectors' tolerance, so features do
 * not depend on the choice.
 */
export async function chooseEngine(options: EngineOptions = {}): Promise<ChosenEngine> {
  const { threads = 1, loadAddon = loadNativeAddon, readBuilds = readShippedBuilds } = options;
  let missing: string;
  try {
    const engine = createNativeEngine(loadAddon(), { threads });
    const why = `native kernels for ${engine.instructionSet} on ${describeThreads(threads)}`;
    return { engine, why: () => why, close: () => {} };
  } catch (error) {
    missing = `the native kernels did not load (${reason(error)})`;
  }
  try {
    const team = threads > 1 ? await openTeam(threads) : undefined;
    const engine = createWasmEngine(readBuilds(), team);
    const why = () => `${describeWasm({ build: engine.build, threads, failure: team?.failure() })}: ${missing}`;
    return { engine, why, close: () => team?.close() };
  } catch (error) {
    const why = `plain TypeScript: ${missing}, nor did those in WebAssembly (${reason(error)})`;
    return { engine: referenceEngine, why: () => why, close: () => {} };
  }
}

/** Loaded only when it is needed: one thread needs no team. */
async function openTeam(threads: number): Promise<WasmTeam> {
  const [{ createWasmTeam }, { spawnKernelThread }] = await Promise.all([
    import("@attune/ml/engine/wasm-team"),
    import("./kernel-threads.js"),
  ]);
  const builds = {
    simd128: readKernel("attune-simd128-threads.wasm"),
    relaxed: readKernel("attune-relaxed-threads.wasm"),
  };
  return createWasmTeam({ threads, builds, spawn: spawnKernelThread });
}

/** Reads only the build that the host takes. */
function readShippedBuilds(): WasmBuilds {
  return {
    get simd128() {
      return readKernel("attune-simd128.wasm");
    },
    get relaxed() {
      return readKernel("attune-relaxed.wasm");
    },
  };
}

/**
 * The same path is right from src/node, dist/node and dist/bundle. Resolving the kernels as a package's files would
 * take Node longer than compiling them.
 */
function readKernel(name: string): Uint8Array {
  return readFileSync(new URL(`../../../../packages/ml/kernels/wasm/${name}`, import.meta.url));
}

/** Takes the first line, for Node's messages may have several. */
function reason(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
