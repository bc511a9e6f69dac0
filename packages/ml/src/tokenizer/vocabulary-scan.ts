// A tokenizer.json's vocabulary straight from its bytes, by packages/ml/kernels/vocabulary.c in WebAssembly: a scan that runs once, when a start
// waits for it, is over there before a loop in JavaScript is machine code. vocabularyOf(JSON.parse(…)) is its twin.
import { placesFor, type Vocabulary } from "./vocabulary.js";
import { vocabularyWasm } from "./vocabulary-wasm.js";

export interface ScannedVocabulary {
  readonly vocabulary: Vocabulary;
  /** Where its text ends, the closing brace included. */
  readonly end: number;
}

interface ScanExports {
  readonly memory: WebAssembly.Memory;
  heap_base(): number;
  scan(text: number, bytes: number, units: number, starts: number, ids: number, hashes: number, found: number): number;
  place(units: number, starts: number, hashes: number, count: number, places: number, mask: number): void;
}

/** As in the entry `"":0,`. */
const leastEntryBytes = 5;
const pageBytes = 65_536;

/**
 * json: in UTF-8, with an object's brace at `from`. Undefined for anything but an object of whole numbers below 10^9, with at least one, be it JSON
 * or not (the caller asks JSON.parse, which says what is wrong), and where the host has no WebAssembly or not the memory.
 */
export function scanVocabulary(json: Uint8Array, from: number): ScannedVocabulary | undefined {
  try {
    const bytes = Uint8Array.from(atob(vocabularyWasm), (char) => char.charCodeAt(0));
    return scan(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as ScanExports, json, from);
  } catch {
    return undefined;
  }
}

function scan(kernel: ScanExports, json: Uint8Array, from: number): ScannedVocabulary | undefined {
  const { memory } = kernel;
  const length = json.length - from;
  const most = Math.ceil(length / leastEntryBytes) + 1;
  let end = kernel.heap_base();
  /** Zeros. */
  const take = (size: number): number => {
    const at = Math.ceil(end / 8) * 8;
    end = at + size;
    const missing = Math.ceil((end - memory.buffer.byteLength) / pageBytes);
    if (missing > 0) memory.grow(missing);
    return at;
  };
  const text = take(length);
  const found = take(12);
  const units = take(2 * length);
  const [starts, ids, hashes] = [take(4 * most), take(4 * most), take(4 * most)];
  new Uint8Array(memory.buffer, text, length).set(json.subarray(from));
  const count = kernel.scan(text, length, units, starts, ids, hashes, found);
  if (count < 0) return undefined;
  const places = take(4 * placesFor(count));
  kernel.place(units, starts, hashes, count, places, placesFor(count) - 1);

  const { buffer } = memory;
  const [objectBytes, longest, largestId] = new Int32Array(buffer, found, 3) as unknown as [number, number, number];
  const usedUnits = new Int32Array(buffer, starts, count + 1)[count]!;
  return {
    vocabulary: {
      units: new Uint16Array(buffer, units, usedUnits).slice(),
      starts: new Int32Array(buffer, starts, count + 1).slice(),
      ids: new Int32Array(buffer, ids, count).slice(),
      places: new Int32Array(buffer, places, placesFor(count)).slice(),
      longest,
      largestId,
    },
    end: from + objectBytes,
  };
}
