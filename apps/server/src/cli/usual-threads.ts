// The number of threads of a command whose options name none.

import { availableParallelism } from "node:os";

/** One thread for each core, at most four. */
export function usualThreads(): number {
  return Math.min(4, availableParallelism());
}
