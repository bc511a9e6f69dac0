// Takes a label: the person says which emotion a text has, or corrects an earlier label.

import { type LabelSet, slugsOf } from "@attune/shared/contracts/label-set";
import { type LabelInput, type Labelled, labelInputSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { doDueWork } from "../jobs/due-work.js";
import { deleteFeatures } from "../learning/features-cache.js";
import { featuresOf } from "../learning/learning-state.js";
import type { Utterance } from "../learning/utterances.js";
import { wellFormed } from "./well-formed.js";

/** Throws INVALID_INPUT. */
export function label(context: Context, input: LabelInput): Promise<Labelled> {
  const { agentState, utterances } = context;
  return context.exclusive(async () => {
    const { id, label: wanted, split: asked, ...given } = parseInput(labelInputSchema, input);
    const text = wellFormed(given.text);
    checkLabel(wanted, agentState.learningState?.model.release.labels);
    const before = await utterances.read(id);
    const split = asked ?? before?.split ?? (await utterances.splitOf(id));
    const after = { text, label: wanted, split };
    if (before?.text !== text) await writeText(context, id, { utterance: after, replaces: before !== undefined });
    else if (before.label !== wanted || before.split !== split) await writeLabel(context, id, after);
    await doDueWork(context);
    return { id, split, utterances: utterances.counts };
  });
}

interface NewText {
  readonly utterance: Utterance;
  /** Whether the id had another text, of which nothing may stay. */
  readonly replaces: boolean;
}

async function writeText(context: Context, id: string, { utterance, replaces }: NewText): Promise<void> {
  const { ports, agentState, utterances } = context;
  const { learningState } = agentState;
  const { store } = ports;
  const operations = [await utterances.put(id, utterance)];
  if (replaces) operations.push(...(await deleteFeatures(store, await utterances.nameOf(id))));
  const row = learningState && featuresOf(learningState.model, utterance.text);
  if (row !== undefined) operations.push(await learningState!.features.put(id, row));
  if (replaces) await store.erase(operations);
  else await store.batch(operations);
  utterances.onWritten(id, utterance);
  learningState?.features.onWritten(id, row);
  agentState.candidateFeatures?.onWritten(id, undefined);
}

/** The text stays, and its features with it. */
async function writeLabel({ ports, utterances }: Context, id: string, utterance: Utterance): Promise<void> {
  await ports.store.batch([await utterances.put(id, utterance)]);
  utterances.onWritten(id, utterance);
}

/** The labels are those of the release that runs. Before the first release any slug is taken. */
function checkLabel(label: string, known: LabelSet | undefined): void {
  if (known === undefined || slugsOf(known).includes(label)) return;
  throw new AppError("INVALID_INPUT", `label must be one of ${slugsOf(known).join(", ")}`);
}
