// Copies of the diary's entries: out of this device for its person alone, and back into this device or another.

import {
  type DiaryCopies,
  type DiaryCopy,
  diaryCopySchema,
  type ExportInput,
  exportInputSchema,
  type Imported,
} from "@attune/shared/contracts/local-api";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { writeText } from "./label.js";
import { wellFormed } from "./well-formed.js";

const defaultLimit = 200;

/** In the order of the ids. Throws INVALID_INPUT. */
export async function exportEntries(
  { utterances, tombstones }: Pick<Context, "utterances" | "tombstones">,
  input: ExportInput = {},
): Promise<DiaryCopies> {
  const { after, limit = defaultLimit } = parseInput(exportInputSchema, input);
  const ids = [...utterances.kept().keys()].sort().filter((id) => after === undefined || id > after);
  const entries: DiaryCopy[] = [];
  for (const id of ids.slice(0, limit)) {
    const utterance = await utterances.read(id);
    // Forgotten meanwhile.
    if (utterance === undefined) continue;
    const { text, label, split, said = null } = utterance;
    entries.push({ id, text, label, split, said, forgotten: await tombstones.count(id) });
  }
  return { entries, more: ids.length > limit };
}

/**
 * An entry that is here stays as it is, and one that was forgotten after the copy was made does not come back. A label
 * from a copy is learned and not scored: the device that made the copy may have reported its score. Throws
 * INVALID_INPUT.
 */
export function importEntry(context: Context, input: DiaryCopy): Promise<Imported> {
  const { agentState, utterances, tombstones } = context;
  return context.exclusive(async () => {
    const { id, text: given, label, split, said, forgotten } = parseInput(diaryCopySchema, input);
    if (utterances.kept().has(id)) return { outcome: "present" };
    const timesForgotten = await tombstones.count(id);
    if (timesForgotten > forgotten) return { outcome: "forgotten" };
    // Another device's tombstones come along, so that one more forgetting here counts above the copy's.
    for (let count = timesForgotten; count < forgotten; count++) await tombstones.add(id);
    const utterance = { text: wellFormed(given), label, split, said: said ?? undefined };
    await writeText(context, id, { utterance, replaces: false, isScored: false });
    const { learningState } = agentState;
    learningState?.live.hold(id, learningState.features.get(id), label ?? undefined);
    return { outcome: "added" };
  });
}
