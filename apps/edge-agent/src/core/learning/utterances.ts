// The local store of what the person said and how they labelled it: sealed, the caller's id too,
// never leaving the device.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { labelSlugSchema } from "@attune/shared/contracts/label-set";
import { type Split, saidSchema, splitSchema, type UtteranceCounts } from "@attune/shared/contracts/local-api";
import { z } from "zod";
import type { Cipher, Hashing, Store, StoreOperation } from "../ports.js";
import { parseRecord } from "../storage/records.js";
import { utterancePrefix as prefix, recordName } from "./record-names.js";
import type { Tombstones } from "./tombstones.js";

const earlierSchema = z.strictObject({
  version: z.literal(2),
  id: z.string(),
  text: z.string(),
  label: labelSlugSchema,
  split: splitSchema,
  /** How often the id had been forgotten when this was said. */
  forgotten: z.int().min(1).optional(),
});
const recordSchema = z.discriminatedUnion("version", [
  earlierSchema,
  earlierSchema.extend({ version: z.literal(3), label: labelSlugSchema.nullable(), said: saidSchema.optional() }),
]);

/** A labelled utterance in memory; its text is read from the store when it is needed. */
interface UtteranceEntry {
  /** A slug. A later release may not know this label, and leaves the utterance out of its training. */
  readonly label: string;
  readonly split: Split;
}

/** An utterance that the person may not have labelled yet. */
export interface KeptEntry {
  /** Null where nothing can be learned from the utterance. */
  readonly label: string | null;
  readonly split: Split;
  /** The local time of the person, with its offset. */
  readonly said?: string | undefined;
}

export interface Utterance extends KeptEntry {
  readonly text: string;
}

export interface Utterances {
  readonly counts: UtteranceCounts;
  /** Grows with every change. */
  readonly revision: number;
  /** The labelled ones in the order of the ids. */
  ids(): string[];
  /** The labelled ones in an order drawn by a hash under the device's key, whatever else is stored. */
  drawnIds(): string[];
  /** Undefined for an utterance without a label. */
  entry(id: string): UtteranceEntry | undefined;
  /** All utterances, with a label or without, in no particular order. */
  kept(): ReadonlyMap<string, KeptEntry>;
  read(id: string): Promise<Utterance | undefined>;
  /** A fixed fifth of all ids, chosen by a hash under the device's key. */
  splitOf(id: string): Promise<Split>;
  put(id: string, utterance: Utterance): Promise<StoreOperation>;
  delete(id: string): Promise<StoreOperation>;
  /** The name under which the store keeps what belongs to the id; `idOf` returns the id of an utterance's name. */
  nameOf(id: string): Promise<string>;
  idOf(name: string): string | undefined;
  /** Ids that a copy of the store brought back although they were forgotten after the copy was made. */
  readonly returned: readonly string[];
  /** Called after the batch with the operation is on the disk. */
  onWritten(id: string, entry: KeptEntry | undefined): void;
}

interface UtteranceParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Pick<Hashing, "keyedHash">;
  readonly tombstones: Tombstones;
}

const holdoutShare = 0.2;

export async function openUtterances({ store, cipher, hashing, tombstones }: UtteranceParts): Promise<Utterances> {
  const kept = new Map<string, KeptEntry>();
  const entries = new Map<string, UtteranceEntry>();
  const ids = new Map<string, string>();
  const counts = { train: 0, holdout: 0 };
  let revision = 0;

  async function unseal(key: string, sealed: Uint8Array) {
    const record = parseRecord(key, await cipher.open(sealed, key), recordSchema);
    const { id, text, label, split, forgotten } = record;
    return { id, text, label, split, forgotten: forgotten ?? 0, said: record.version === 3 ? record.said : undefined };
  }

  function onWritten(id: string, entry: KeptEntry | undefined): void {
    revision++;
    const before = entries.get(id);
    if (before !== undefined) counts[before.split]--;
    kept.delete(id);
    entries.delete(id);
    if (entry === undefined) return;
    const { label, split, said } = entry;
    kept.set(id, { label, split, said });
    if (label === null) return;
    entries.set(id, { label, split });
    counts[split]++;
  }

  const returned: string[] = [];
  for await (const [key, sealed] of store.entries(prefix)) {
    const utterance = await unseal(key, sealed);
    const { id } = utterance;
    ids.set(key.slice(prefix.length), id);
    onWritten(id, utterance);
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
    drawnIds: () => [...ids.keys()].sort().flatMap((name) => (entries.has(ids.get(name)!) ? ids.get(name)! : [])),
    entry: (id) => entries.get(id),
    kept: () => kept,
    async read(id) {
      const key = prefix + (await recordName(hashing, id));
      const sealed = await store.get(key);
      if (sealed === undefined) return undefined;
      const { text, label, split, said } = await unseal(key, sealed);
      return { text, label, split, said };
    },
    async splitOf(id) {
      const hash = await hashing.keyedHash(`split/${id}`);
      return Number.parseInt(hash.slice(0, 8), 16) / 2 ** 32 < holdoutShare ? "holdout" : "train";
    },
    async put(id, utterance) {
      const forgotten = (await tombstones.count(id)) || undefined;
      const plain = canonicalBytes({ version: 3, id, ...utterance, forgotten });
      const name = await recordName(hashing, id);
      ids.set(name, id);
      return { type: "put", key: prefix + name, value: await cipher.seal(plain, prefix + name) };
    },
    delete: async (id) => ({ type: "delete", key: prefix + (await recordName(hashing, id)) }),
    nameOf: (id) => recordName(hashing, id),
    idOf: (name) => ids.get(name),
    returned,
    onWritten,
  };
}
