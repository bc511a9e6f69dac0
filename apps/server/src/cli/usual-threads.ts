// How many threads a command computes on where its options do not say.
import { availableParallelism } from "node:os";

/** One a core, at most four. */
export function usualThreads(): number {
  return Math.min(4, availableParallelism());
}
