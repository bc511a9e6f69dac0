// Scores: whether the prior head and the answering head were right about a new label, before anything was
// learned from the label.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { z } from "zod";
import type { Cipher, Store } from "../ports.js";
import { numberedKey } from "../storage/numbered-key.js";
import type { PendingChange } from "../storage/pending-change.js";
import { parseRecord } from "../storage/records.js";

const prefix = "score/";
const keyOf = (place: number): string => numberedKey(prefix, place);

/**
 * Written as 0 or 1, so that the size of a sealed score says nothing. The first scores were written as false or
 * true.
 */
const rightSchema = z.union([z.boolean(), z.literal([0, 1]).transform((digit) => digit === 1)]);

const scoreSchema = z.strictObject({
  version: z.literal(1),
  /** The utterance's name in the store, so that a score is forgotten with its utterance. */
  name: z.string(),
  /** The release whose heads were scored. */
  release: z.int().min(1),
  prior: rightSchema,
  answering: rightSchema,
});
export type Score = Omit<z.infer<typeof scoreSchema>, "version">;

/** A block of consecutive scores of one release. */
interface Block {
  readonly rightPrior: number;
  readonly rightAnswering: number;
}

export interface Scores {
  /** The number of scores that have not left in a block. */
  readonly count: number;
  add(score: Score): Promise<PendingChange>;
  /** Deletes the utterance's score, if it has one. */
  delete(name: string): PendingChange;
  /**
   * Takes the newest whole block of `release`, and removes its scores, all earlier scores, and the scores of other
   * releases. So each block is taken at most once. The block is undefined where none is whole.
   */
  takeBlock(release: number, size: number): PendingChange & { readonly block: Block | undefined };
}

export async function openScores({ store, cipher }: { store: Store; cipher: Cipher }): Promise<Scores> {
  const scores = new Map<string, Score>();
  for await (const [key, sealed] of store.entries(prefix)) {
    const { version: _, ...score } = parseRecord(key, await cipher.open(sealed, key), scoreSchema);
    scores.set(key, score);
  }
  let next = Number([...scores.keys()].at(-1)?.slice(prefix.length) ?? -1) + 1;

  function removal(keys: readonly string[]): PendingChange {
    return {
      operations: keys.map((key) => ({ type: "delete", key })),
      onWritten() {
        for (const key of keys) scores.delete(key);
      },
    };
  }

  return {
    get count() {
      return scores.size;
    },
    async add(score) {
      const key = keyOf(next);
      const digits = { prior: Number(score.prior), answering: Number(score.answering) };
      const value = await cipher.seal(canonicalBytes({ version: 1, ...score, ...digits }), key);
      return {
        operations: [{ type: "put", key, value }],
        onWritten() {
          next++;
          scores.set(key, score);
        },
      };
    },
    delete: (name) => removal([...scores].filter(([, score]) => score.name === name).map(([key]) => key)),
    takeBlock(release, size) {
      const own = [...scores].filter(([, score]) => score.release === release);
      const whole = own.length - (own.length % size);
      const block = whole === 0 ? undefined : countRight(own.slice(whole - size, whole).map(([, score]) => score));
      const kept = new Set(own.slice(whole).map(([key]) => key));
      return { block, ...removal([...scores.keys()].filter((key) => !kept.has(key))) };
    },
  };
}

function countRight(scores: readonly Score[]): Block {
  return {
    rightPrior: scores.filter(({ prior }) => prior).length,
    rightAnswering: scores.filter(({ answering }) => answering).length,
  };
}
