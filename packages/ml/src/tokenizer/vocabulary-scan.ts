// Reads a tokenizer.json's vocabulary directly from its bytes, by packages/ml/kernels/tokenizer/vocabulary.c in
// WebAssembly. A program's start waits for this scan, which runs once and ends before a loop in JavaScript would be
// compiled. Its twin is vocabularyOf(JSON.parse(…)). In a fresh process the twin takes 4 times as long for the bundled
// tokenizer. For roberta-base's tokenizer it takes 41 MB more memory at the peak.

import { placesFor, type Vocabulary } from "./vocabulary.js";
import { vocabularyWasm } from "./vocabulary-wasm.js";

interface ScannedVocabulary {
  readonly vocabulary: Vocabulary;
  /** The end of the object's text, the closing brace included. */
  readonly end: number;
}

interface ScanExports {
  readonly memory: WebAssembly.Memory;
  heap_base(): number;
  /** The arguments are those of `scan` in vocabulary.c. */
  scan(...addresses: readonly number[]): number;
}

/** The shortest entry is `"":0,`. */
const minEntryBytes = 5;
const pageBytes = 65_536;

/**
 * json: in UTF-8, with an object's brace at `from`. Reads an object of at least one entry whose values are whole
 * numbers below 10^9. Undefined for any other text, whether or not it is JSON: the caller then asks JSON.parse, whose
 * error says what is wrong. Undefined, too, where the host has no WebAssembly or too little memory.
 */
export function scanVocabulary(json: Uint8Array, from: number): ScannedVocabulary | undefined {
  try {
    const module = new WebAssembly.Module(bytesOf(vocabularyWasm));
    return scan(new WebAssembly.Instance(module).exports as unknown as ScanExports, json, from);
  } catch {
    return undefined;
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function scan(kernel: ScanExports, json: Uint8Array, from: number): ScannedVocabulary | undefined {
  const length = json.length - from;
  const most = Math.ceil(length / minEntryBytes) + 1;
  let end = kernel.heap_base();
  const take = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / 8) * 8;
    return at;
  };
  // All the memory that the scan may need is taken at once. It holds zeros, and only pages that are
  // used take real memory.
  const text = take(length + 1);
  const units = take(2 * length);
  const [starts, ids, hashes, places] = [take(4 * most), take(4 * most), take(4 * most), take(4 * placesFor(most))];
  const found = take(12);
  kernel.memory.grow(Math.ceil(end / pageBytes));

  const { buffer } = kernel.memory;
  new Uint8Array(buffer, text, length).set(json.subarray(from));
  const count = kernel.scan(text, units, starts, ids, hashes, places, found);
  if (count < 0) return undefined;
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
