// The journal: one entry per message that left, each naming the hash of the one before. Pure; egress.ts writes it.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { journalEntrySchema, type NewJournalEntry } from "@attune/shared/contracts/audit";
import { type MessageDeclaration, sentSizes } from "@attune/shared/contracts/egress-declaration";
import { accept, type Result, refuse } from "@attune/shared/result";
import { dayMs } from "@attune/shared/time";
import type { Hashing } from "../ports.js";
import { numberedKey } from "../storage/numbered-key.js";
import type { Gated } from "./gate.js";

export interface JournalTip {
  /** The number of entries. */
  readonly count: number;
  /** Hash of the last entry; 64 zeros before the first. */
  readonly sha256: string;
}

export const emptyJournal: JournalTip = { count: 0, sha256: "0".repeat(64) };

/** The key of an entry in the store, whose value is the canonical JSON that is hashed. */
export const journalKey = (index: number): string => numberedKey("journal/", index);

type Sha256 = Pick<Hashing, "sha256">;

interface Journalled {
  readonly gated: Gated;
  /** The message's declaration in its own version of the contract. */
  readonly declaration: MessageDeclaration;
  readonly nowMs: number;
}

export async function nextEntry(
  tip: JournalTip,
  { gated, declaration, nowMs }: Journalled,
  hashing: Sha256,
): Promise<{ entry: NewJournalEntry; tip: JournalTip }> {
  const { type, message, bytes } = gated;
  const entry: NewJournalEntry = {
    version: 2,
    index: tip.count,
    previous: tip.sha256,
    day: Math.floor(nowMs / dayMs),
    type,
    path: declaration.path,
    sequence: "sequence" in message ? message.sequence : 0,
    sizeBytes: bytes.length,
    sha256: await hashing.sha256(bytes),
    domainSizes: sentSizes(declaration, message),
    message,
  };
  return { entry, tip: { count: tip.count + 1, sha256: await hashing.sha256(canonicalBytes(entry)) } };
}

type JournalFault = "malformed" | "missing" | "broken" | "truncated";

/**
 * Whether `entries` is a whole chain from index 0 that ends in `tip`. The check finds an entry that was cut out,
 * changed or moved, and a tail that was cut off or comes from another branch. The detail names the entry's index.
 */
export async function verifyJournal(
  entries: readonly unknown[],
  tip: JournalTip,
  hashing: Sha256,
): Promise<Result<JournalTip, JournalFault>> {
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
  if (current.count !== tip.count) return refuse("truncated", `${current.count} of ${tip.count} entries are there`);
  if (current.sha256 !== tip.sha256) return refuse("broken", "the last entry is not the one that was written last");
  return accept(current);
}
