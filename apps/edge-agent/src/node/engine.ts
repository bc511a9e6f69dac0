// Which engine computes features on this device: the native kernels, the same in WebAssembly, or plain TypeScript; the best that loads.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine, type WasmBuilds, type WasmEngine } from "@attune/ml/engine/wasm-engine";
import { createNativeEngine, loadNativeAddon, type NativeAddon } from "./native-engine.js";

export interface ChosenEngine {
  readonly engine: Engine;
  /** For the status page: what runs, and why nothing better does. */
  readonly why: string;
}

export interface EngineOptions {
  /** Of the native kernels, default 1; the others compute on one. */
  readonly threads?: number;
  readonly loadAddon?: () => NativeAddon;
  readonly readBuilds?: () => WasmBuilds;
}

/** Never throws: the reference runs everywhere. All three agree within the golden vectors' tolerance, so features do not depend on the choice. */
export function chooseEngine(options: EngineOptions = {}): ChosenEngine {
  const { threads = 1, loadAddon = loadNativeAddon, readBuilds = readShippedBuilds } = options;
  let missing: string;
  try {
    const engine = createNativeEngine(loadAddon(), { threads });
    const on = threads === 1 ? "one thread" : `${threads} threads`;
    return { engine, why: `native kernels for ${engine.instructionSet} on ${on}` };
  } catch (error) {
    missing = `the native kernels did not load (${reason(error)})`;
  }
  try {
    const engine: WasmEngine = createWasmEngine(readBuilds());
    const build = engine.build === "relaxed" ? "with relaxed SIMD" : "with SIMD";
    return { engine, why: `kernels in WebAssembly ${build}: ${missing}` };
  } catch (error) {
    return {
      engine: referenceEngine,
      why: `plain TypeScript: ${missing}, nor did those in WebAssembly (${reason(error)})`,
    };
  }
}

function readShippedBuilds(): WasmBuilds {
  const require = createRequire(import.meta.url);
  const read = (name: string) => readFileSync(require.resolve(`@attune/ml/kernels/${name}`));
  return { simd128: read("attune-simd128.wasm"), relaxed: read("attune-relaxed.wasm") };
}

/** Node's messages go on over several lines. */
function reason(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
