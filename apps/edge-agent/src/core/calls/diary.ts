// The diary: what the person said, newest first, and the number of entries of each day. Texts are read from the store
// one by one, so that a long diary takes no memory.

import { type Calendar, type Entries, type EntriesInput, entriesInputSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import type { KeptEntry } from "../learning/utterances.js";

const defaultLimit = 50;
/** Entries read before other work gets its turn. */
const readStep = 64;

type DiaryContext = Pick<Context, "ports" | "utterances">;

/** Throws INVALID_INPUT and NOT_FOUND. */
export async function entries(
  { ports: { clock }, utterances }: DiaryContext,
  input: EntriesInput = {},
): Promise<Entries> {
  const asked = parseInput(entriesInputSchema, input);
  const { after, limit = defaultLimit } = asked;
  const sought = asked.search?.toLocaleLowerCase() ?? "";
  const ordered = [...utterances.kept()].sort(latestFirst);
  const start = after === undefined ? 0 : ordered.findIndex(([id]) => id === after) + 1;
  if (after !== undefined && start === 0) throw new AppError("NOT_FOUND", "there is no entry with the id `after`");
  const found: Entries["entries"] = [];
  let read = 0;
  for (const [id, entry] of ordered.slice(start)) {
    if (!isAsked(entry, asked)) continue;
    if (++read % readStep === 0) await clock.sleep(0, new AbortController().signal);
    const utterance = await utterances.read(id);
    // Forgotten meanwhile.
    if (utterance === undefined) continue;
    const { text, label, said = null } = utterance;
    if (!text.toLocaleLowerCase().includes(sought)) continue;
    if (found.length === limit) return { entries: found, more: true };
    found.push({ id, text, label, said });
  }
  return { entries: found, more: false };
}

export function calendar({ utterances }: Pick<Context, "utterances">): Calendar {
  const days = new Map<string, { entries: number; labels: Record<string, number> }>();
  for (const { label, said } of utterances.kept().values()) {
    if (said === undefined) continue;
    const day = days.get(dayOf(said)) ?? { entries: 0, labels: {} };
    day.entries++;
    if (label !== null) day.labels[label] = (day.labels[label] ?? 0) + 1;
    days.set(dayOf(said), day);
  }
  const ordered = [...days].sort(([a], [b]) => (a < b ? -1 : 1));
  return { days: ordered.map(([day, counts]) => ({ day, ...counts })) };
}

/** The person's own day, which a later journey does not change. */
function dayOf(said: string): string {
  return said.slice(0, 10);
}

function isAsked({ label, said }: KeptEntry, asked: EntriesInput): boolean {
  if (asked.label !== undefined && label !== asked.label) return false;
  if (asked.from === undefined && asked.to === undefined) return true;
  if (said === undefined) return false;
  const day = dayOf(said);
  return day >= (asked.from ?? day) && day <= (asked.to ?? day);
}

function latestFirst([idA, a]: [string, KeptEntry], [idB, b]: [string, KeptEntry]): number {
  const byTime =
    (b.said === undefined ? -Infinity : Date.parse(b.said)) - (a.said === undefined ? -Infinity : Date.parse(a.said));
  // Two entries without a time differ by NaN.
  return byTime || (idA < idB ? -1 : 1);
}
