// The local store of what the person said and how they labelled it: sealed, by the caller's id, never leaving the device.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type EmotionLabel, emotionLabelSchema } from "@attune/shared/contracts/dataset";
import { z } from "zod";
import type { Split, UtteranceCounts } from "../agent-api.js";
import type { Cipher, Hashing, Store, StoreOperation } from "../ports.js";
import { parseRecord } from "../records.js";

const utteranceSchema = z.strictObject({
  version: z.literal(1),
  text: z.string(),
  label: emotionLabelSchema,
  split: z.enum(["train", "holdout"]),
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
  /** After the batch with the operation is on the disk. */
  noted(id: string, entry: UtteranceEntry | undefined): void;
}

export interface UtteranceParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Pick<Hashing, "keyedHash">;
}

const prefix = "utterance/";
const holdoutShare = 0.2;

export async function openUtterances({ store, cipher, hashing }: UtteranceParts): Promise<Utterances> {
  const entries = new Map<string, UtteranceEntry>();
  const counts = { train: 0, holdout: 0 };
  let revision = 0;

  async function unseal(key: string, sealed: Uint8Array): Promise<Utterance> {
    const { text, label, split } = parseRecord(key, await cipher.open(sealed, key), utteranceSchema);
    return { text, label, split };
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

  for await (const [key, sealed] of store.entries(prefix)) {
    noted(key.slice(prefix.length), await unseal(key, sealed));
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
      return sealed === undefined ? undefined : unseal(prefix + id, sealed);
    },
    async splitOf(id) {
      const hash = await hashing.keyedHash(`split/${id}`);
      return Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32 < holdoutShare ? "holdout" : "train";
    },
    async put(id, utterance) {
      const plain = canonicalBytes({ version: 1, ...utterance });
      return { type: "put", key: prefix + id, value: await cipher.seal(plain, prefix + id) };
    },
    remove: (id) => ({ type: "delete", key: prefix + id }),
    noted,
  };
}
