// How the status page names the kernels in WebAssembly, the same on every host.

import type { WasmBuild } from "@attune/ml/engine/wasm-kernel";

interface WasmChoice {
  readonly build: WasmBuild;
  /** The number of threads that was asked for. */
  readonly threads: number;
  /** Why one thread computes instead of all of them. */
  readonly failure: string | undefined;
}

export function describeWasm({ build, threads, failure }: WasmChoice): string {
  const on = failure === undefined ? describeThreads(threads) : `one thread instead of ${threads} (${failure})`;
  return `kernels in WebAssembly with ${build === "relaxed" ? "relaxed SIMD" : "SIMD"} on ${on}`;
}

export function describeThreads(threads: number): string {
  return threads === 1 ? "one thread" : `${threads} threads`;
}
