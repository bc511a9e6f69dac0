// Keeps a text in the diary without a label. Nothing is learned from it until the person labels it.

import { type KeepInput, type Kept, keepInputSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { deleteFeatures } from "../learning/features-cache.js";
import { wellFormed } from "./well-formed.js";

/** Throws INVALID_INPUT and CONFLICT. */
export function keep(context: Pick<Context, "ports" | "utterances" | "exclusive">, input: KeepInput): Promise<Kept> {
  const { ports, utterances, exclusive } = context;
  return exclusive(async () => {
    const { id, text: given, said } = parseInput(keepInputSchema, input);
    const text = wellFormed(given);
    const before = await utterances.read(id);
    if ((before?.label ?? null) !== null) {
      throw new AppError("CONFLICT", "the utterance has a label; label its new text, or forget it first");
    }
    const split = before?.split ?? (await utterances.splitOf(id));
    const utterance = { text, label: null, split, said: said ?? before?.said };
    const operations = [await utterances.put(id, utterance)];
    if (before === undefined || before.text === text) await ports.store.batch(operations);
    else await ports.store.erase([...operations, ...(await deleteFeatures(ports.store, await utterances.nameOf(id)))]);
    utterances.onWritten(id, utterance);
    return { id };
  });
}
