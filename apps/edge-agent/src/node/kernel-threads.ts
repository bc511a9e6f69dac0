// The threads of the kernels in WebAssembly as Node's workers, for a device where the native kernels did not load.
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { TeamOptions } from "@attune/ml/engine/wasm-team";

export const spawnKernelThread: TeamOptions["spawn"] = (start, onEnd) => {
  const path = createRequire(import.meta.url).resolve("@attune/ml/kernels/thread.js");
  const worker = new Worker(path, { workerData: start, execArgv: [], env: {} });
  worker.unref();
  worker.on("error", onEnd);
  worker.on("exit", (code) => onEnd(new Error(`a thread ended with code ${code}`)));
  return () => void worker.terminate();
};
