// Features of the stored utterances, one set per extractor and engine: sealed in the store, in memory while in use.
// Features can be turned back into hints of a text, so they are kept as carefully as the text itself.

import { assertFinite } from "@attune/ml/error";
import type { Cipher, Store, StoreOperation } from "../ports.js";
import { featuresPrefix } from "./record-names.js";
import type { Utterances } from "./utterances.js";

const root = featuresPrefix;

export interface FeatureSet {
  readonly key: string;
  get(id: string): Float32Array | undefined;
  put(id: string, features: Float32Array): Promise<StoreOperation>;
  /** Called after the batch with the operation is on the disk. */
  onWritten(id: string, features: Float32Array | undefined): void;
}

interface FeatureSetParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly featureSize: number;
  readonly utterances: Pick<Utterances, "nameOf" | "idOf">;
}

/** Names the set by `identity` and engine together: two engines' features are close, not equal. */
export function featureSetKey(identity: string, engine: string): string {
  return `${identity}.${engine}`;
}

export async function openFeatureSet(key: string, parts: FeatureSetParts): Promise<FeatureSet> {
  const { store, cipher, featureSize, utterances } = parts;
  const rows = new Map<string, Float32Array>();
  const prefix = `${root}${key}/`;
  for await (const [key, sealed] of store.entries(prefix)) {
    const id = utterances.idOf(key.slice(prefix.length));
    const bytes = await cipher.open(sealed, key);
    // A row of another size belongs to no head of this extractor: it is computed again.
    if (id !== undefined && bytes.length === featureSize * 4) rows.set(id, new Float32Array(bytes.slice().buffer));
  }
  return {
    key,
    get: (id) => rows.get(id),
    async put(id, features) {
      assertFinite("The features of an utterance", features);
      const bytes = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
      const name = await utterances.nameOf(id);
      return { type: "put", key: prefix + name, value: await cipher.seal(bytes, prefix + name) };
    },
    onWritten(id, features) {
      if (features === undefined) rows.delete(id);
      else rows.set(id, features.slice());
    },
  };
}

/** The operations that delete the features of one utterance, by its name, in all sets. */
export async function deleteFeatures(store: Store, name: string): Promise<StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.entries(root)) {
    if (key.slice(key.indexOf("/", root.length) + 1) === name) operations.push({ type: "delete", key });
  }
  return operations;
}

/** The operations that delete every set but those in `keep`. */
export async function deleteOtherSets(store: Store, keep: readonly string[]): Promise<StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.entries(root)) {
    if (!keep.some((kept) => key.startsWith(`${root}${kept}/`))) operations.push({ type: "delete", key });
  }
  return operations;
}
