// The journal: one entry per message that left, each naming the hash of the one before. Pure; egress.ts writes it.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { type JournalEntry, journalEntrySchema } from "@attune/shared/contracts/audit";
import { egressContract, messageCapacityBits } from "@attune/shared/contracts/egress";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Cleared, Hashing } from "../ports.js";

export interface JournalHead {
  /** How many entries there are. */
  readonly count: number;
  /** Hash of the last entry; 64 zeros before the first. */
  readonly sha256: string;
}

export const emptyJournal: JournalHead = { count: 0, sha256: "0".repeat(64) };

/** Where an entry lies in the store, as the canonical JSON that is hashed. */
export const journalKey = (index: number): string => `journal/${String(index).padStart(16, "0")}`;

type Sha256 = Pick<Hashing, "sha256">;

export async function nextEntry(
  head: JournalHead,
  cleared: Cleared,
  hashing: Sha256,
): Promise<{ entry: JournalEntry; head: JournalHead }> {
  const { type, message, bytes } = cleared;
  const entry: JournalEntry = {
    version: 1,
    index: head.count,
    previous: head.sha256,
    type,
    path: egressContract[type].path,
    sequence: "sequence" in message ? message.sequence : 0,
    sizeBytes: bytes.length,
    sha256: await hashing.sha256(bytes),
    capacityBits: messageCapacityBits(type),
    message,
  };
  return { entry, head: { count: head.count + 1, sha256: await hashing.sha256(canonicalBytes(entry)) } };
}

export type JournalFault = "malformed" | "missing" | "broken" | "truncated";

/**
 * Whether `entries` is a whole chain from index 0 that ends in `head`. An entry cut out, changed, put elsewhere, or a tail
 * cut off or grown from another branch is found; the detail names its index.
 */
export async function verifyJournal(
  entries: readonly unknown[],
  head: JournalHead,
  hashing: Sha256,
): Promise<Result<JournalHead, JournalFault>> {
  let current = emptyJournal;
  for (const [index, value] of entries.entries()) {
    const parsed = journalEntrySchema.safeParse(value);
    if (!parsed.success) return refuse("malformed", `entry ${index} is not a journal entry`);
    if (parsed.data.index !== index) return refuse("missing", `entry ${index} says that it is ${parsed.data.index}`);
    if (parsed.data.previous !== current.sha256) {
      return refuse("broken", `entry ${index} does not continue the entry before it`);
    }
    current = { count: index + 1, sha256: await hashing.sha256(canonicalBytes(parsed.data)) };
  }
  if (current.count !== head.count) return refuse("truncated", `${current.count} of ${head.count} entries are there`);
  if (current.sha256 !== head.sha256) return refuse("broken", "the last entry is not the one that was written last");
  return accept(current);
}
