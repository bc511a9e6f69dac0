// The journal proves what left the device, so its chain is checked at every start. A start checks all that was written
// since the last check, and a piece of the checked part. Over many starts the whole chain is checked again. The checked
// position is sealed, so that whoever cuts the journal cannot cut it as well.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import type { Cipher, Hashing, Store, StoreOperation } from "../ports.js";
import { parseJson } from "../storage/parse-json.js";
import { parseRecord } from "../storage/records.js";
import { emptyJournal, type JournalTip, journalKey } from "./journal.js";

/** The number of entries of the checked part that a start checks again. */
export const checkedAtOnce = 256;

const readAtOnce = 128;

const key = "journal-checked";
const headSchema = z.strictObject({ count: z.int().min(0), sha256: z.string() });
const recordSchema = z.strictObject({
  version: z.literal(1),
  checked: headSchema,
  /** The position of the round that checks everything again. */
  again: headSchema,
});

interface JournalCheckParts {
  readonly store: Store;
  readonly cipher: Cipher;
  readonly hashing: Pick<Hashing, "sha256">;
}

export interface JournalCheck {
  /**
   * Notes that the chain is whole up to `tip`. The note is written with the entries, so that no end of the chain
   * can be cut off.
   */
  note(tip: JournalTip): Promise<StoreOperation>;
}

/**
 * Throws STORE_CORRUPT, naming the entry, where the journal is not one chain from its first entry to `tip`.
 * Nothing is written then. No message leaves an agent that cannot show what left, and the damaged journal stays as
 * it is for an examination.
 */
export async function checkJournal(parts: JournalCheckParts, tip: JournalTip): Promise<JournalCheck> {
  const { store, cipher } = parts;
  const sealed = await store.get(key);
  const known =
    sealed === undefined
      ? { version: 1 as const, checked: emptyJournal, again: emptyJournal }
      : parseRecord(key, await cipher.open(sealed, key), recordSchema);
  if (known.checked.count > tip.count) {
    throw broken(`${tip.count} entries are there; ${known.checked.count} were checked once`);
  }
  if ((await store.get(journalKey(tip.count))) !== undefined) throw broken(`entry ${tip.count} was never written`);
  await follow(parts, known.checked, tip);
  let again = known.again.count >= known.checked.count ? emptyJournal : known.again;
  const until = Math.min(again.count + checkedAtOnce, known.checked.count);
  const sha256 = until === known.checked.count ? known.checked.sha256 : undefined;
  again = await follow(parts, again, { count: until, sha256 });

  async function note(checked: JournalTip): Promise<StoreOperation> {
    const value = await cipher.seal(canonicalBytes({ version: 1, checked, again }), key);
    return { type: "put", key, value };
  }

  // The first start of a home that an older agent left need not be repeated.
  if (tip.count - known.checked.count >= checkedAtOnce) await store.batch([await note(tip)]);
  return { note };
}

/** Follows the chain from `from` to the entry before `to.count`, and compares the end where its hash is known. */
async function follow(
  { store, hashing }: JournalCheckParts,
  from: JournalTip,
  to: { readonly count: number; readonly sha256: string | undefined },
): Promise<JournalTip> {
  let { sha256 } = from;
  let page: (Uint8Array | undefined)[] = [];
  for (let index = from.count; index < to.count; index++) {
    const place = (index - from.count) % readAtOnce;
    if (place === 0) {
      const length = Math.min(readAtOnce, to.count - index);
      page = await Promise.all(Array.from({ length }, (_, i) => store.get(journalKey(index + i))));
    }
    const bytes = page[place];
    if (bytes === undefined) throw broken(`entry ${index} is missing`);
    const json = parseJson(bytes);
    const entry = json.ok ? (json.value as { index?: unknown; previous?: unknown } | null) : null;
    if (entry?.index !== index || entry.previous !== sha256) {
      throw broken(`entry ${index} does not continue the entry before it`);
    }
    sha256 = await hashing.sha256(bytes);
  }
  if (to.sha256 !== undefined && sha256 !== to.sha256) {
    throw broken(`entry ${to.count - 1} is not the one that was written`);
  }
  return { count: to.count, sha256 };
}

function broken(what: string): AppError {
  return new AppError(
    "STORE_CORRUPT",
    `the journal is broken: ${what}; nothing leaves this device, and nothing of it was changed`,
  );
}
