// The engine that computes encoders and heads on the server.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine, type WasmEngine } from "@attune/ml/engine/wasm-engine";

/** WebAssembly where the host has it: the same kernels as on devices. */
export function openEngine(): { readonly engine: Engine; readonly name: string } {
  try {
    const engine = createWasmEngine({ simd128: kernel("simd128"), relaxed: kernel("relaxed") });
    return { engine, name: `wasm-${engine.build}` };
  } catch {
    return { engine: referenceEngine, name: "reference" };
  }
}

/**
 * For what is published: the same bits on every machine, which of the builds only this one gives. Whether relaxed SIMD rounds a product before it
 * adds is each processor's choice. Throws MlError where the host has no SIMD.
 */
export function openReproducibleEngine(): WasmEngine {
  return createWasmEngine({ simd128: kernel("simd128") });
}

function kernel(build: "simd128" | "relaxed"): Uint8Array {
  const require = createRequire(import.meta.url);
  return readFileSync(require.resolve(`@attune/ml/kernels/attune-${build}.wasm`));
}
