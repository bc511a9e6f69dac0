// Keeps the daemon small between its bursts of work: the garbage of training is given back when training is over, not
// tens of megabytes later.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { loadNativeAddon } from "./native-engine.js";

/**
 * V8 looks for unused arrays once about 64 MB of them have piled up. A training leaves 20 MB, a third of all
 * that the daemon takes.
 */
const tolerableBytes = 4_000_000;
const lookEveryMs = 1_000;

interface MemoryHost {
  /** Bytes of arrays, in use or not yet found to be unused. */
  readonly arrayBytes: () => number;
  readonly collect: () => void;
  /** Makes the C library return the memory that it keeps for reuse. */
  readonly giveBack: () => void;
}

/**
 * Returns the function that ends it. Nothing is done between two looks: a collection takes some ten milliseconds, and
 * only when it gains something.
 */
export function keepMemorySmall({ arrayBytes, collect, giveBack }: MemoryHost = createMemoryHost()): () => void {
  giveBack();
  let needed = arrayBytes();
  const timer = setInterval(() => {
    const now = arrayBytes();
    if (now < needed) needed = now;
    if (now - needed <= tolerableBytes) return;
    collect();
    giveBack();
    needed = arrayBytes();
  }, lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** The host of this process. Without the native addon only V8 gives memory back. */
function createMemoryHost(): MemoryHost {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  return { arrayBytes: () => process.memoryUsage().arrayBuffers, collect, giveBack: findGiveBack() };
}

function findGiveBack(): () => void {
  try {
    const addon = loadNativeAddon();
    return () => addon.saveMemory();
  } catch {
    // The engine says why there is none.
    return () => undefined;
  }
}
