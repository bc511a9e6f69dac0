// What the processor can do at best, measured by a small loop over registers with the kernels' own instructions, in the same run.

import { loadNativeAddon } from "./product.js";

export interface Limit {
  readonly fp32: number;
  readonly int8: number;
}

/** Node has it; its types of this version do not. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => {
    readonly exports: {
      spin(quantized: number, rounds: number, sink: number): number;
      heap_base(): number;
    };
  };
};

type Spin = (quantized: number, rounds: number) => number;

/** Operations a second, the best of many short loops. */
export function measureLimit(spin: Spin): Limit {
  const best = (quantized: number) => {
    let most = 0;
    for (let i = 0; i < 3000; i++) {
      const startedAt = performance.now();
      const operations = spin(quantized, 10_000);
      most = Math.max(most, operations / ((performance.now() - startedAt) * 1e-3));
    }
    return most;
  };
  return { fp32: best(0), int8: best(1) };
}

export function nativeSpin(): Spin {
  const addon = loadNativeAddon();
  return (quantized, rounds) => addon.spin(0, quantized, rounds);
}

export function wasmSpin(bytes: Uint8Array): Spin {
  const { spin, heap_base } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return (quantized, rounds) => spin(quantized, rounds, heap_base());
}
