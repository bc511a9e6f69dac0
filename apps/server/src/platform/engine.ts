// The engine that computes encoders and heads on the server.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Engine } from "@attune/ml/engine/engine";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";

/** WebAssembly where the host has it: the same kernels as on devices. */
export function openEngine(): { readonly engine: Engine; readonly name: string } {
  try {
    const require = createRequire(import.meta.url);
    const kernel = (name: string) => readFileSync(require.resolve(`@attune/ml/kernels/${name}`));
    const engine = createWasmEngine({
      simd128: kernel("attune-simd128.wasm"),
      relaxed: kernel("attune-relaxed.wasm"),
    });
    return { engine, name: `wasm-${engine.build}` };
  } catch {
    return { engine: referenceEngine, name: "reference" };
  }
}
