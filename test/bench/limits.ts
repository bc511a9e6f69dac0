// What the processor can do at best, measured by a small loop over registers with the kernels' own instructions, in the same run.

import { Worker } from "node:worker_threads";
import type { LimitRequest } from "./limit-worker.js";

/** Operations a second (a multiply and an add count two). int8: as the kernels multiply it. */
export interface Limit {
  readonly fp32: number;
  readonly int8: number;
}

/** Of so many threads at once: two virtual processors of one core reach less than twice what one does. */
export async function measureLimit(build: LimitRequest["build"], threads: number): Promise<Limit> {
  const limits = await Promise.all(Array.from({ length: threads }, () => inWorker({ build })));
  const sum = (of: keyof Limit) => limits.reduce((total, limit) => total + limit[of], 0);
  return { fp32: sum("fp32"), int8: sum("int8") };
}

function inWorker(request: LimitRequest): Promise<Limit> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./limit-worker.js", import.meta.url), { workerData: request });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
