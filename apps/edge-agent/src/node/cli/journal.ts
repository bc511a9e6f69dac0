// attune-agent journal: every message that left the device, word for word.

import type { Body } from "@attune/platform/cli/declaration";
import type { JournalEntry } from "@attune/shared/contracts/audit";
import { createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { capacityBits, personSizes } from "@attune/shared/contracts/egress-declaration";
import { journalPageEntries } from "@attune/shared/contracts/local-api";
import { dayMs } from "@attune/shared/time";
import { askAgent } from "./ask-agent.js";
import type { AgentContext } from "./context.js";
import type { journal as declaration } from "./declarations.js";

export const showJournal: Body<typeof declaration, AgentContext> = async ({ values }, context) => {
  const entries = await readPages(values, (page) => askAgent(context, (agent) => agent.journal(page)));
  context.print({ entries }, entries.length === 0 ? "nothing has left this device" : [...inLines(entries)].join("\n"));
};

interface WantedEntries {
  readonly after: number | undefined;
  readonly limit: number | undefined;
}

/** An auditor needs the whole journal: pages are requested until no entry is left, or `limit` is reached. */
export async function readPages<Entry extends { readonly index: number }>(
  { after = -1, limit = Number.POSITIVE_INFINITY }: WantedEntries,
  ask: (page: { readonly after: number; readonly limit: number }) => Promise<readonly Entry[]>,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  while (entries.length < limit) {
    const wanted = Math.min(journalPageEntries, limit - entries.length);
    const page = await ask({ after: entries.at(-1)?.index ?? after, limit: wanted });
    entries.push(...page);
    if (page.length < wanted) break;
  }
  return entries;
}

/**
 * The epoch changes where the store was found to be restored. Messages that left between the copy and that moment
 * are in no entry.
 */
export function* inLines(entries: readonly JournalEntry[]): Generator<string> {
  let epoch: unknown;
  for (const entry of entries) {
    const { epoch: next } = entry.message;
    if (epoch !== undefined && next !== undefined && next !== epoch) {
      yield "      -- a new epoch begins: the store was restored from a copy, and what left after the copy was made is not listed --";
    }
    epoch = next ?? epoch;
    yield inWords(entry);
  }
}

function inWords(entry: JournalEntry): string {
  const { index, type, path, sizeBytes, message } = entry;
  const day = "day" in entry ? new Date(entry.day * dayMs).toISOString().slice(0, 10) : "";
  const fields = Object.entries(message).filter(([name]) => name !== "type" && name !== "contract");
  const text = fields.map(([name, value]) => `${name}=${value}`).join(" ");
  return `${String(index).padStart(5)} ${day.padEnd(10)} ${type.padEnd(14)} ${path.padEnd(5)} ${String(sizeBytes).padStart(5)} B ${personBits(entry)}  ${text}`;
}

const contracts = createContracts(demoContracts);

/** Empty where the message's contract is not known here. */
function personBits({ type, message }: JournalEntry): string {
  const declaration = contracts.declaration(Number(message.contract), type);
  const bits = declaration && `${capacityBits(personSizes(declaration, message)).toFixed(1)} bits`;
  return (bits ?? "").padStart(9);
}
