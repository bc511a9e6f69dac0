// The personal heads and their scores in the store. A head can reveal its training texts, so it is sealed as they are.

import type { Engine } from "@attune/ml/engine/engine";
import { loadHead } from "@attune/ml/heads/load-head";
import { parseSafetensors, serializeSafetensors } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { z } from "zod";
import type { Cipher, Store, StoreOperation } from "../ports.js";
import { parseRecord } from "../storage/records.js";
import type { FeatureSet } from "./features-cache.js";
import type { Fitted } from "./fit.js";
import type { LearningState } from "./learning-state.js";

const scoresSchema = z.strictObject({
  version: z.literal(1),
  choice: z.enum(["prior", "personal"]),
  l2: z.number().nullable(),
  trainMs: z.number().nullable(),
  f1Prior: z.number().nullable(),
  f1Personal: z.number().nullable(),
  train: z.int().min(0),
  holdout: z.int().min(0),
});

export interface SavedHeadParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly engine: Pick<Engine, "heads">;
}

const root = "head/";
const scoresKey = ({ key }: FeatureSet) => `${root}${key}/scores`;
const weightsKey = ({ key }: FeatureSet) => `${root}${key}/weights`;

export async function putHead(
  { cipher }: SavedHeadParts,
  { features }: LearningState,
  { personal, ...scores }: Fitted,
): Promise<StoreOperation[]> {
  const [scoresAt, weightsAt] = [scoresKey(features), weightsKey(features)];
  const sealed = await cipher.seal(canonicalBytes({ version: 1, ...scores }), scoresAt);
  const operations: StoreOperation[] = [{ type: "put", key: scoresAt, value: sealed }];
  if (personal === undefined) return [...operations, { type: "delete", key: weightsAt }];
  const weights = await cipher.seal(serializeSafetensors(personal.save()), weightsAt);
  return [...operations, { type: "put", key: weightsAt, value: weights }];
}

/** Undefined where none was saved, or where it belongs to other features. */
export async function readHead(
  { store, cipher, engine }: SavedHeadParts,
  { model, features }: LearningState,
): Promise<Fitted | undefined> {
  const [scoresAt, weightsAt] = [scoresKey(features), weightsKey(features)];
  const sealed = await store.get(scoresAt);
  if (sealed === undefined) return undefined;
  const { version: _, ...scores } = parseRecord(scoresAt, await cipher.open(sealed, scoresAt), scoresSchema);
  const weights = await store.get(weightsAt);
  if (weights === undefined) return { ...scores, personal: undefined };
  const personal = loadHead(parseSafetensors(await cipher.open(weights, weightsAt)), engine.heads);
  const { features: identity, classes } = model.prior.identity;
  const fits = personal.identity.features === identity && areSame(personal.identity.classes, classes);
  return fits ? { ...scores, personal } : undefined;
}

/** Whether a head was ever learned here, on whichever features. */
export async function hasHeads({ store }: Pick<SavedHeadParts, "store">): Promise<boolean> {
  for await (const _ of store.entries(root)) return true;
  return false;
}

/** The operations that delete every saved head except the head of `keep`: after forgetting, no head may remember. */
export async function deleteHeads(
  { store }: Pick<SavedHeadParts, "store">,
  keep?: FeatureSet,
): Promise<StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.entries(root)) {
    if (keep === undefined || !key.startsWith(`${root}${keep.key}/`)) operations.push({ type: "delete", key });
  }
  return operations;
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
