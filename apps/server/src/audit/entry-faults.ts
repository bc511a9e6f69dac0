// Judges one entry of a journal: whether it describes its message truly, and the message is what its version of
// the contract declares. Pure.

import { sha256 as sha256Of } from "@attune/platform/sha256";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { type Contracts, type MessageType, wireBody } from "@attune/shared/contracts/egress";
import { capacityBits, type MessageDeclaration, sentSizes } from "@attune/shared/contracts/egress-declaration";
import { utf8 } from "@attune/shared/encoding";
import { dayMs } from "@attune/shared/time";

/** The entry's description of its message must equal the message, by the contract of the message's own version. */
export function* entryFaults(contracts: Contracts, entry: JournalEntry): Generator<string> {
  const { type, message, path, sizeBytes, sha256, sequence } = entry;
  const judged = contracts.judge(type as MessageType, message);
  if (!judged.ok) {
    yield judged.reason === "unknownContract"
      ? `its message is of version ${message.contract} of the egress contract, which is not known here`
      : "its message is not what the egress contract declares";
    return;
  }
  const declaration = contracts.declaration(judged.value.contract, type)!;
  const body = utf8(wireBody(declaration, message));
  if (body.length !== sizeBytes || sha256Of(body) !== sha256) yield "its size or hash is not that of its message";
  if (path !== declaration.path) yield `the contract sends ${type} over ${declaration.path}`;
  if (!saysItsCapacity(entry, declaration)) yield "its capacity is not the contract's";
  yield* dateFaults(entry, declaration);
  if (sequence !== (message.sequence ?? 0)) yield "its sequence is not its message's";
}

/**
 * A field that is left out too early, or is there too late, is one more thing to say. A message may be judged shortly
 * before midnight and journalled shortly after.
 */
function* dateFaults(entry: JournalEntry, { fields }: MessageDeclaration): Generator<string> {
  if (entry.version === 1) return;
  for (const [name, { expires }] of Object.entries(fields)) {
    if (expires === undefined) continue;
    const endDay = Date.parse(expires) / dayMs;
    if (!Object.hasOwn(entry.message, name)) {
      if (entry.day < endDay) yield `its ${name} is left out before ${expires}`;
    } else if (entry.day > endDay) yield `its ${name} is there after ${expires}`;
  }
}

/**
 * Whether the entry states its message's capacity. The first entries hold a sum of logarithms, whose last digits
 * depend on their engine.
 */
function saysItsCapacity(entry: JournalEntry, declaration: MessageDeclaration): boolean {
  const sizes = sentSizes(declaration, entry.message);
  if (entry.version === 1) return Math.abs(entry.capacityBits - capacityBits(sizes)) <= 1e-9;
  return entry.domainSizes.join() === sizes.join();
}
