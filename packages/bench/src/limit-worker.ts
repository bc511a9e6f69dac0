// One thread's share of limits.ts: the best of many short loops, so that other work on the machine does
// not lower the result.

import { parentPort, workerData } from "node:worker_threads";
import { kernelBytes } from "./engines.js";
import { openNativeEngine } from "./product.js";

export interface LimitRequest {
  readonly build: "native" | "simd128" | "relaxed";
}

/** Node has WebAssembly, but the types of this version do not declare it. */
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

function best(spin: Spin, quantized: number): number {
  let most = 0;
  for (let i = 0; i < 3000; i++) {
    const startedAt = performance.now();
    const operations = spin(quantized, 10_000);
    most = Math.max(most, operations / ((performance.now() - startedAt) * 1e-3));
  }
  return most;
}

async function spinOf(build: LimitRequest["build"]): Promise<Spin> {
  if (build === "native") {
    const addon = (await openNativeEngine()).loadNativeAddon();
    return (quantized, rounds) => addon.spin(0, quantized, rounds);
  }
  const { spin, heap_base } = new WebAssembly.Instance(new WebAssembly.Module(kernelBytes(build))).exports;
  return (quantized, rounds) => spin(quantized, rounds, heap_base());
}

const spin = await spinOf((workerData as LimitRequest).build);
parentPort!.postMessage({ fp32: best(spin, 0), int8: best(spin, 1) });
