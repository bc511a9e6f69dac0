// The threads of the kernels in WebAssembly as Node's workers, for a device where the native kernels did not load.

import { Worker } from "node:worker_threads";
import type { TeamOptions } from "@attune/ml/engine/wasm-team";

/** The same path is right from src/node, dist/node and dist/bundle. */
const script = new URL("../../../../packages/ml/kernels/threads/thread.js", import.meta.url);

export const spawnKernelThread: TeamOptions["spawn"] = (start, onEnd) => {
  const worker = new Worker(script, { workerData: start, execArgv: [], env: {} });
  worker.unref();
  worker.on("error", onEnd);
  worker.on("exit", (code) => onEnd(new Error(`a thread ended with code ${code}`)));
  return () => void worker.terminate();
};
