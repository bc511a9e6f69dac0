// A model with the features of the person's utterances under it: all that learning on a release needs.

import type { Engine } from "@attune/ml/engine/engine";
import type { Exclusive } from "../concurrency/exclusive.js";
import type { Cipher, Clock, Store, StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { type FeatureSet, featureSetKey, openFeatureSet } from "./features-cache.js";
import { createLiveMixture, type LiveMixture } from "./live-mixture.js";
import type { Utterances } from "./utterances.js";

export interface LearningState {
  readonly model: Model;
  readonly features: FeatureSet;
  /** The mixture that answers: it learns every label at once, and each refit puts another in its place. */
  live: LiveMixture;
}

export interface ExtractionParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly clock: Clock;
  readonly engine: Pick<Engine, "name" | "heads">;
  readonly utterances: Utterances;
}

/** Rows extracted before they are saved and other work gets its turn. */
const extractionStep = 8;

export async function openLearningState(parts: ExtractionParts, model: Model): Promise<LearningState> {
  const { identity, featureSize } = model.release.features;
  const { store, cipher, engine, utterances } = parts;
  const key = featureSetKey(identity, engine.name);
  return {
    model,
    features: await openFeatureSet(key, { store, cipher, featureSize, utterances }),
    live: createLiveMixture({ model, kernels: engine.heads }),
  };
}

export interface Extraction {
  readonly signal: AbortSignal;
  /**
   * Each step runs through it: between reading a text and saving its features nothing may be forgotten or said anew.
   */
  readonly exclusive: Exclusive;
}

/** Extracts the missing features, saving each step, so that a crash costs one step. */
export async function extractMissing(
  parts: ExtractionParts,
  learningState: LearningState,
  { signal, exclusive }: Extraction,
): Promise<void> {
  const missing = parts.utterances.ids().filter((id) => learningState.features.get(id) === undefined);
  for (let start = 0; start < missing.length && !signal.aborted; start += extractionStep) {
    await exclusive(() => extractStep(parts, learningState, missing.slice(start, start + extractionStep)));
    await parts.clock.sleep(0, signal);
  }
}

async function extractStep(
  { store, utterances }: ExtractionParts,
  { model, features }: LearningState,
  ids: readonly string[],
): Promise<void> {
  const operations: StoreOperation[] = [];
  const rows: [string, Float32Array][] = [];
  for (const id of ids) {
    const utterance = await utterances.read(id);
    if (utterance === undefined) continue;
    const row = featuresOf(model, utterance.text);
    if (row === undefined) continue;
    operations.push(await features.put(id, row));
    rows.push([id, row]);
  }
  await store.batch(operations);
  for (const [id, row] of rows) features.onWritten(id, row);
}

/**
 * The text's features; undefined where this model has none for it. That is no error, and nothing that leaves the
 * device may show it.
 */
export function featuresOf(model: Model, text: string): Float32Array | undefined {
  try {
    const row = model.extract(text);
    return row.every(Number.isFinite) ? row : undefined;
  } catch {
    return undefined;
  }
}
