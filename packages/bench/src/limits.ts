// Measures the limit of the processor in the same run, by a small loop over registers with
// the kernels' own instructions.

import { Worker } from "node:worker_threads";
import type { Dtype } from "./engines.js";
import type { LimitRequest } from "./limit-worker.js";

/** Operations a second (a multiply and an add count as two). int8 uses the kernels' own products. */
export interface Limit {
  readonly fp32: number;
  readonly int8: number;
}

interface Timed {
  readonly dtype: Dtype;
  readonly ours: boolean;
  /** Operations a second. */
  readonly operations: number;
}

/**
 * The share of the limit of the same format; FP16 is computed in float32. null for a peer's int8, whose products use
 * other instructions than ours. They have 8 bits where ours have 16, and with VNNI twice as many at a time.
 */
export function shareOfLimit({ dtype, ours, operations }: Timed, limit: Limit): number | null {
  if (dtype !== "int8") return operations / limit.fp32;
  return ours ? operations / limit.int8 : null;
}

/** Measures this many threads at once: two virtual processors of one core reach less than twice one's result. */
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
