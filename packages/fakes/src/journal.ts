// A device's journal of given messages, as an agent writes it.

import { sha256 as sha256Of } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { type Contracts, createContracts, wireBody } from "@attune/shared/contracts/egress";
import { capacityBits, sentSizes } from "@attune/shared/contracts/egress-declaration";
import { utf8 } from "@attune/shared/encoding";

export type JournalMessage = Readonly<Record<string, string | number | null>>;

interface JournalOptions {
  readonly contracts?: Contracts;
  /** How many entries, from the first, have the form that the first agents wrote. */
  readonly earlier?: number;
  /** The day of all entries, in days since 1970. */
  readonly day?: number;
}

export function createJournal(
  messages: readonly JournalMessage[],
  { contracts = createContracts(), earlier = 0, day = 20_000 }: JournalOptions = {},
): JournalEntry[] {
  const entries: JournalEntry[] = [];
  let previous = "0".repeat(64);
  for (const [index, message] of messages.entries()) {
    const type = String(message.type);
    const declaration = contracts.declaration(Number(message.contract), type)!;
    const body = utf8(wireBody(declaration, message));
    const common = {
      index,
      previous,
      path: declaration.path,
      sequence: Number(message.sequence ?? 0),
      sizeBytes: body.length,
      sha256: sha256Of(body),
      message,
    };
    const sizes = sentSizes(declaration, message);
    const entry: JournalEntry =
      index < earlier
        ? { ...common, version: 1, type: type as "poll", capacityBits: capacityBits(sizes) }
        : { ...common, version: 2, type, day, domainSizes: sizes };
    entries.push(entry);
    previous = sha256Of(canonicalBytes(entry));
  }
  return entries;
}
