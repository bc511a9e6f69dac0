// Learning on one release: features of the stored utterances, a personal head fitted on them, and its scores, all saved sealed.

import type { Engine } from "@attune/ml/engine/engine";
import type { Head } from "@attune/ml/heads/head";
import { loadHead } from "@attune/ml/heads/load-head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { EmotionLabel } from "@attune/shared/contracts/dataset";
import type { HeadChoice, Split } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Exclusive } from "../concurrency/exclusive.js";
import type { Cipher, Clock, Store, StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { parseRecord } from "../storage/records.js";
import { evaluate, type LabelledRows } from "./evaluate.js";
import { type FeatureSet, featureSetKey, openFeatureSet } from "./features-cache.js";
import { createPace } from "./pace.js";
import { personalise } from "./personalise.js";
import type { Utterances } from "./utterances.js";

export interface Fitted {
  /** Undefined while there is nothing to learn from. */
  readonly personal: Head | undefined;
  readonly choice: HeadChoice;
  readonly l2: number | null;
  readonly trainMs: number | null;
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly train: number;
  readonly holdout: number;
}

/** A model with the person's features under it: what can learn and answer. */
export interface LearningState {
  readonly model: Model;
  readonly features: FeatureSet;
}

const fittedSchema = z.strictObject({
  version: z.literal(1),
  choice: z.enum(["prior", "personal"]),
  l2: z.number().nullable(),
  trainMs: z.number().nullable(),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  train: z.int().min(0),
  holdout: z.int().min(0),
});

export interface LearnerParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly clock: Clock;
  readonly engine: Pick<Engine, "name" | "heads">;
  readonly utterances: Utterances;
}

const root = "head/";
/** Rows extracted before they are saved and other work gets its turn. */
const extractionStep = 8;

export function createLearner({ store, cipher, clock, engine, utterances }: LearnerParts) {
  const scoresKey = (set: FeatureSet) => `${root}${set.key}/scores`;
  const weightsKey = (set: FeatureSet) => `${root}${set.key}/weights`;

  async function openLearningState(model: Model): Promise<LearningState> {
    const { identity, featureSize } = model.release.features;
    const features = await openFeatureSet(featureSetKey(identity, engine.name), {
      store,
      cipher,
      featureSize,
      utterances,
    });
    return { model, features };
  }

  /**
   * Extracts the missing features, saving each step, so that a crash costs one step. Each step runs through `exclusive`: between reading a
   * text and saving its features nothing may be forgotten or said anew.
   */
  async function extractMissing(
    learningState: LearningState,
    signal: AbortSignal,
    exclusive: Exclusive,
  ): Promise<void> {
    const missing = utterances.ids().filter((id) => learningState.features.get(id) === undefined);
    for (let start = 0; start < missing.length && !signal.aborted; start += extractionStep) {
      await exclusive(() => extractStep(learningState, missing.slice(start, start + extractionStep)));
      await clock.sleep(0, signal);
    }
  }

  async function extractStep({ model, features }: LearningState, ids: readonly string[]): Promise<void> {
    const operations: StoreOperation[] = [];
    const rows: [string, Float32Array][] = [];
    for (const id of ids) {
      const utterance = await utterances.read(id);
      if (utterance === undefined) continue;
      const row = rowOf(model, utterance.text);
      if (row === undefined) continue;
      operations.push(await features.put(id, row));
      rows.push([id, row]);
    }
    await store.batch(operations);
    for (const [id, row] of rows) features.onWritten(id, row);
  }

  function rowsOf(
    { model, features }: LearningState,
    split: Split,
    known: readonly string[] | undefined,
  ): LabelledRows {
    const rows: Float32Array[] = [];
    const labels: EmotionLabel[] = [];
    for (const id of utterances.ids()) {
      const entry = utterances.entry(id);
      const row = features.get(id);
      if (entry?.split !== split || row === undefined) continue;
      if (known !== undefined && !known.includes(entry.label)) continue;
      rows.push(row);
      labels.push(entry.label);
    }
    const { featureSize } = model.release.features;
    const matrix = createMatrix(rows.length, featureSize);
    for (const [i, row] of rows.entries()) matrix.data.set(row, i * featureSize);
    return { features: matrix, labels };
  }

  /**
   * Trains and evaluates. The hold-out is looked at only after every choice has been made. Other work runs in between, so the caller keeps
   * labels and forgetting out meanwhile.
   */
  async function fit(learningState: LearningState): Promise<Fitted> {
    try {
      return await fitOn(learningState);
    } catch (error) {
      if (error instanceof AppError) throw error;
      // Rows that cannot be learned from are the person's. Nothing that leaves the device may show that they exist.
      const { train, holdout } = utterances.counts;
      const nothing = { personal: undefined, l2: null, trainMs: null, f1Prior: null, f1Personal: null };
      return { ...nothing, choice: "prior", train, holdout };
    }
  }

  async function fitOn(learningState: LearningState): Promise<Fitted> {
    const { release, prior } = learningState.model;
    const classes: readonly string[] = release.labels;
    const rows = rowsOf(learningState, "train", classes);
    const holdout = rowsOf(learningState, "holdout", undefined);
    const pace = createPace(clock);
    const input = {
      features: rows.features,
      labels: Int32Array.from(rows.labels, (label) => classes.indexOf(label)),
      identity: { features: release.features.identity, classes },
      prior,
      recipe: release.headRecipe,
      kernels: engine.heads,
    };
    const personal = rows.labels.length === 0 ? undefined : await personalise(input, pace.yieldToOthers);
    const workedMs = pace.workedMs();
    return {
      personal: personal?.head,
      choice: personal?.choice ?? "prior",
      l2: personal?.l2 ?? null,
      trainMs: personal === undefined ? null : workedMs,
      f1Prior: evaluate(prior, holdout),
      f1Personal: personal === undefined ? null : evaluate(personal.head, holdout),
      train: utterances.counts.train,
      holdout: utterances.counts.holdout,
    };
  }

  /** A head can reveal its training texts, so it is sealed as they are. */
  async function save({ features }: LearningState, { personal, ...scores }: Fitted): Promise<StoreOperation[]> {
    const [scoresAt, weightsAt] = [scoresKey(features), weightsKey(features)];
    const sealed = await cipher.seal(canonicalBytes({ version: 1, ...scores }), scoresAt);
    const operations: StoreOperation[] = [{ type: "put", key: scoresAt, value: sealed }];
    if (personal === undefined) return [...operations, { type: "delete", key: weightsAt }];
    const weights = await cipher.seal(serializeSafetensors(personal.save()), weightsAt);
    return [...operations, { type: "put", key: weightsAt, value: weights }];
  }

  /** The head as it was saved; undefined where none was saved, or where it belongs to other features. */
  async function load({ model, features }: LearningState): Promise<Fitted | undefined> {
    const [scoresAt, weightsAt] = [scoresKey(features), weightsKey(features)];
    const sealed = await store.get(scoresAt);
    if (sealed === undefined) return undefined;
    const { version: _, ...scores } = parseRecord(scoresAt, await cipher.open(sealed, scoresAt), fittedSchema);
    const weights = await store.get(weightsAt);
    const personal =
      weights === undefined
        ? undefined
        : loadHead(parseSafetensors(await cipher.open(weights, weightsAt)), engine.heads);
    const { features: of, classes } = model.prior.identity;
    const fits =
      personal === undefined || (personal.identity.features === of && sameNames(personal.identity.classes, classes));
    if (!fits) return undefined;
    return { ...scores, personal };
  }

  /** Whether a head was ever learned here, on whichever features. */
  async function hasHeads(): Promise<boolean> {
    for await (const _ of store.entries(root)) return true;
    return false;
  }

  /** Deletes every saved head except the head of `keep`: after forgetting, no head may remember. */
  async function removeHeads(keep?: FeatureSet): Promise<StoreOperation[]> {
    const operations: StoreOperation[] = [];
    for await (const [key] of store.entries(root)) {
      if (keep === undefined || !key.startsWith(`${root}${keep.key}/`)) operations.push({ type: "delete", key });
    }
    return operations;
  }

  return { openLearningState, extractMissing, fit, save, load, hasHeads, removeHeads };
}

/** The text's features; undefined where this model has none for it. That is no error, and nothing that leaves the device may show it. */
export function rowOf(model: Model, text: string): Float32Array | undefined {
  try {
    const row = model.extract(text);
    return row.every(Number.isFinite) ? row : undefined;
  } catch {
    return undefined;
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

export type Learner = ReturnType<typeof createLearner>;
