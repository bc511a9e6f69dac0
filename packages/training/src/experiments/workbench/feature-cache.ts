// Keeps pooled features on disk, by extractor, engine and texts: the encoder runs once over a
// dataset for all measurements.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import { getFloat32, parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { writeFileDurablySync } from "@attune/platform/durable-file";
import { isPresentSync } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { openExtractor } from "../../checkpoints/extractor-files.js";
import type { ExtractorSource } from "./extractor-source.js";

export interface FeatureCache {
  /** Features before the DR: (texts.length, pooled size). */
  pooled(source: ExtractorSource, texts: readonly string[], report?: (fraction: number) => void): Matrix;
}

/** The files hold numbers only, and their names are digests: no text is kept. */
export function createFeatureCache(directory: string, engine: Engine): FeatureCache {
  const held = new Map<string, Matrix>();

  function pooled(source: ExtractorSource, texts: readonly string[], report?: (fraction: number) => void): Matrix {
    const name = sha256(`features-1\n${source.key}\n${JSON.stringify(texts)}`);
    const known = held.get(name) ?? read(join(directory, `${name}.safetensors`), texts.length);
    const features = known ?? extract(source, texts, report);
    if (known === undefined) write(join(directory, `${name}.safetensors`), features);
    held.set(name, features);
    return features;
  }

  function extract(source: ExtractorSource, texts: readonly string[], report?: (fraction: number) => void): Matrix {
    const extractor = openExtractor(engine, source.folder, source.model);
    return extractor.extractAll(texts, (done, total) => report?.(done / total));
  }

  return { pooled };
}

/** undefined if the file is missing or damaged; the features are then computed again. */
function read(path: string, rows: number): Matrix | undefined {
  if (!isPresentSync(path)) return undefined;
  try {
    const file = parseSafetensors(new Uint8Array(readFileSync(path)));
    const data = getFloat32(file, "features");
    return createMatrix(rows, data.length / rows, data);
  } catch {
    return undefined;
  }
}

function write(path: string, { rows, cols, data }: Matrix): void {
  const tensors = new Map([["features", { dtype: "F32" as const, shape: [rows, cols], data }]]);
  writeFileDurablySync(path, serializeSafetensors({ tensors, metadata: {} }));
}
