// The mixture of the last refit, in one sealed file of the store. It resumes with the rows of the features cache, and
// then learns the labels that came later. A head can reveal its training texts, so it is sealed as they are.

import type { Engine } from "@attune/ml/engine/engine";
import { readMixture } from "@attune/ml/online/mixture";
import { readCoverage } from "@attune/ml/online/prediction-set";
import { parseSafetensors, serializeSafetensors, type Tensor } from "@attune/ml/tensor/safetensors";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { z } from "zod";
import type { Cipher, Store, StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { parseRecord } from "../storage/records.js";
import type { FeatureSet } from "./features-cache.js";
import type { LearningState } from "./learning-state.js";
import { createLiveMixture, type LiveMixture } from "./live-mixture.js";
import type { Measured, Refitted } from "./refit.js";

const savedSchema = z.strictObject({
  version: z.literal(2),
  /** Names the features, the prior head, the head's recipe and the classes that the mixture belongs to. */
  identity: z.string(),
  mixture: z.unknown(),
  coverage: z.unknown(),
  /** The ids of the rows, and the columns of their labels. */
  rows: z.array(z.tuple([z.string(), z.int().min(0)])),
  measured: z.strictObject({
    trainMs: z.number().nullable(),
    f1Prior: z.number().nullable(),
    f1Personal: z.number().nullable(),
    train: z.int().min(0),
    holdout: z.int().min(0),
  }),
});

export interface SavedMixtureParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly engine: Pick<Engine, "heads">;
}

/** Agents before kept a head's weights and scores under this prefix, too. A refit takes their place. */
const root = "head/";
const keyOf = ({ key }: FeatureSet) => `${root}${key}/mixture`;

function identityOf({ release, prior }: Model): string {
  const head = release.files.find(({ name }) => name === "prior-head.safetensors");
  const parts = [release.features.identity, head?.sha256, release.headRecipe, prior.identity.classes];
  return new TextDecoder().decode(canonicalBytes(parts));
}

/** The operations that save the mixture, in place of every earlier head on these features. */
export async function putMixture(
  { store, cipher }: SavedMixtureParts,
  { model, features }: LearningState,
  { live, measured }: Pick<Refitted, "live" | "measured">,
): Promise<StoreOperation[]> {
  const { mixture, coverage, rows, shares } = live.keep();
  const tensors = shares.map((data, k): [string, Tensor] => [
    `shares/${k}`,
    { dtype: "F64", shape: [data.length], data },
  ]);
  const saved = {
    version: 2,
    identity: identityOf(model),
    mixture,
    coverage,
    rows: rows.map(({ id, label }) => [id, label]),
    measured,
  } satisfies z.input<typeof savedSchema>;
  const metadata = { mixture: new TextDecoder().decode(canonicalBytes(saved)) };
  const key = keyOf(features);
  const value = await cipher.seal(serializeSafetensors({ metadata, tensors: new Map(tensors) }), key);
  const earlier = (await deleteHeads({ store })).filter((operation) => operation.key !== key);
  return [...earlier, { type: "put", key, value }];
}

/** Undefined where none was saved, or where it belongs to other features, another prior head or other rows. */
export async function readMixtureFile(
  { store, cipher, engine }: SavedMixtureParts,
  { model, features }: LearningState,
): Promise<{ live: LiveMixture; measured: Measured } | undefined> {
  const key = keyOf(features);
  const sealed = await store.get(key);
  if (sealed === undefined) return undefined;
  const { metadata, tensors } = parseSafetensors(await cipher.open(sealed, key));
  const saved = parseRecord(key, new TextEncoder().encode(metadata.mixture), savedSchema);
  if (saved.identity !== identityOf(model)) return undefined;
  const rows = saved.rows.map(([id, label]) => ({ id, label, features: features.get(id)! }));
  if (rows.some((row) => row.features === undefined)) return undefined;
  const shares = Array.from({ length: tensors.size }, (_, k) => tensors.get(`shares/${k}`)!.data as Float64Array);
  const { mixture, coverage } = saved;
  const resumed = { mixture: readMixture(mixture), coverage: readCoverage(coverage), rows, shares };
  return { live: createLiveMixture({ model, kernels: engine.heads }, resumed), measured: saved.measured };
}

/** The operations that delete every saved head: after forgetting, no head may remember. */
export async function deleteHeads({ store }: Pick<SavedMixtureParts, "store">): Promise<StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.entries(root)) operations.push({ type: "delete", key });
  return operations;
}
