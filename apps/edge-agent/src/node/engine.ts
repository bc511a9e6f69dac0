// Which engine computes features on this device: the native kernels, the same in WebAssembly, or plain TypeScript; the best that loads.

import { readFileSync } from "node:fs";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import type { WasmBuilds } from "@attune/ml/engine/wasm-kernel";
import type { WasmTeam } from "@attune/ml/engine/wasm-team";
import { inThreads, wasmInWords } from "../core/engine-words.js";
import { createNativeEngine, loadNativeAddon, type NativeAddon } from "./native-engine.js";

export interface ChosenEngine {
  readonly engine: Engine;
  /** For the status page: what runs, and why nothing better does. */
  readonly why: () => string;
  /** Ends the threads that it started; without them it goes on. */
  readonly close: () => void;
}

export interface EngineOptions {
  /** That compute an encoder's forward, default 1; the reference computes on one. */
  readonly threads?: number;
  readonly loadAddon?: () => NativeAddon;
  readonly readBuilds?: () => WasmBuilds;
}

/** Never rejects: the reference runs everywhere. All three agree within the golden vectors' tolerance, so features do not depend on the choice. */
export async function chooseEngine(options: EngineOptions = {}): Promise<ChosenEngine> {
  const { threads = 1, loadAddon = loadNativeAddon, readBuilds = readShippedBuilds } = options;
  let missing: string;
  try {
    const engine = createNativeEngine(loadAddon(), { threads });
    const why = `native kernels for ${engine.instructionSet} on ${inThreads(threads)}`;
    return { engine, why: () => why, close: () => {} };
  } catch (error) {
    missing = `the native kernels did not load (${reason(error)})`;
  }
  try {
    const team = threads > 1 ? await openTeam(threads) : undefined;
    const engine = createWasmEngine(readBuilds(), team);
    const why = () => `${wasmInWords({ build: engine.build, threads, failure: team?.failure() })}: ${missing}`;
    return { engine, why, close: () => team?.close() };
  } catch (error) {
    const why = `plain TypeScript: ${missing}, nor did those in WebAssembly (${reason(error)})`;
    return { engine: referenceEngine, why: () => why, close: () => {} };
  }
}

/** Read when it is asked for: on one thread nobody needs it. */
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

/** Of the two only that is read which the host takes. */
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

/** Beside src/node, dist/node and dist/bundle alike. To have Node look for them as a package's files takes longer than to compile them. */
function readKernel(name: string): Uint8Array {
  return readFileSync(new URL(`../../../../packages/ml/kernels/wasm/${name}`, import.meta.url));
}

/** Node's messages go on over several lines. */
function reason(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
