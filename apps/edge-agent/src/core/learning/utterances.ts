// The local store of what the person said and how they labelled it: sealed, by the caller's id, never leaving the device.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type EmotionLabel, emotionLabelSchema } from "@attune/shared/contracts/dataset";
import { z } from "zod";
import type { Split, UtteranceCounts } from "../agent-api.js";
import type { Cipher, Hashing, Store, StoreOperation } from "../ports.js";
import { parseRecord } from "../records.js";
import type { Tombstones } from "./tombstones.js";

const utteranceSchema = z.strictObject({
  version: z.literal(1),
  text: z.string(),
  label: emotionLabelSchema,
  split: z.enum(["train", "holdout"]),
  /** How often the id had been forgotten when this was said. */
  forgotten: z.int().min(1).optional(),
});

/** What is kept in memory of an utterance; its text is read from the store when it is needed. */
export interface UtteranceEntry {
  readonly label: EmotionLabel;
  readonly split: Split;
}

export interface Utterance extends UtteranceEntry {
  readonly text: string;
}

export interface Utterances {
  readonly counts: UtteranceCounts;
  /** Grows with every change. */
  readonly revision: number;
  /** In the order of the ids, so that what is trained does not depend on the order in which it was said. */
  ids(): string[];
  entry(id: string): UtteranceEntry | undefined;
  read(id: string): Promise<Utterance | undefined>;
  /** A fixed fifth of all ids, chosen by a hash under the device's key. */
  splitOf(id: string): Promise<Split>;
  put(id: string, utterance: Utterance): Promise<StoreOperation>;
  remove(id: string): StoreOperation;
  /** What a copy of the store brought back although it was forgotten after the copy was made. */
  readonly returned: readonly string[];
  /** After the batch with the operation is on the disk. */
  noted(id: string, entry: UtteranceEntry | undefined): void;
}

export interface UtteranceParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Pick<Hashing, "keyedHash">;
  readonly tombstones: Tombstones;
}

const prefix = "utterance/";
const holdoutShare = 0.2;

export async function openUtterances({ store, cipher, hashing, tombstones }: UtteranceParts): Promise<Utterances> {
  const entries = new Map<string, UtteranceEntry>();
  const counts = { train: 0, holdout: 0 };
  let revision = 0;

  async function unseal(key: string, sealed: Uint8Array): Promise<Utterance & { readonly forgotten: number }> {
    const { text, label, split, forgotten } = parseRecord(key, await cipher.open(sealed, key), utteranceSchema);
    return { text, label, split, forgotten: forgotten ?? 0 };
  }

  function noted(id: string, entry: UtteranceEntry | undefined): void {
    revision++;
    const before = entries.get(id);
    if (before !== undefined) counts[before.split]--;
    if (entry === undefined) {
      entries.delete(id);
    } else {
      entries.set(id, { label: entry.label, split: entry.split });
      counts[entry.split]++;
    }
  }

  const returned: string[] = [];
  for await (const [key, sealed] of store.entries(prefix)) {
    const id = key.slice(prefix.length);
    const utterance = await unseal(key, sealed);
    noted(id, utterance);
    if (utterance.forgotten < (await tombstones.count(id))) returned.push(id);
  }

  return {
    get counts() {
      return { ...counts };
    },
    get revision() {
      return revision;
    },
    ids: () => [...entries.keys()].sort(),
    entry: (id) => entries.get(id),
    async read(id) {
      const sealed = await store.get(prefix + id);
      if (sealed === undefined) return undefined;
      const { text, label, split } = await unseal(prefix + id, sealed);
      return { text, label, split };
    },
    async splitOf(id) {
      const hash = await hashing.keyedHash(`split/${id}`);
      return Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32 < holdoutShare ? "holdout" : "train";
    },
    async put(id, utterance) {
      const forgotten = (await tombstones.count(id)) || undefined;
      const plain = canonicalBytes({ version: 1, ...utterance, forgotten });
      return { type: "put", key: prefix + id, value: await cipher.seal(plain, prefix + id) };
    },
    remove: (id) => ({ type: "delete", key: prefix + id }),
    returned,
    noted,
  };
}
