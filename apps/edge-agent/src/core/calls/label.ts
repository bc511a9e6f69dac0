// Takes a label: the person says which emotion a text has, or corrects an earlier label.

import { createMatrix } from "@attune/ml/tensor/matrix";
import { type LabelSet, slugsOf } from "@attune/shared/contracts/label-set";
import { type LabelInput, type Labelled, labelInputSchema } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { Context } from "../agent-state.js";
import { doDueWork } from "../jobs/due-work.js";
import { areRight } from "../learning/evaluate.js";
import { deleteFeatures } from "../learning/features-cache.js";
import { featuresOf } from "../learning/learning-state.js";
import type { Utterance } from "../learning/utterances.js";
import type { PendingChange } from "../storage/pending-change.js";
import { wellFormed } from "./well-formed.js";

/** Throws INVALID_INPUT. */
export function label(context: Context, input: LabelInput): Promise<Labelled> {
  const { agentState, utterances } = context;
  return context.exclusive(async () => {
    const { id, label: wanted, split: asked, said, ...given } = parseInput(labelInputSchema, input);
    const text = wellFormed(given.text);
    checkLabel(wanted, agentState.learningState?.model.release.labels);
    const before = await utterances.read(id);
    const split = asked ?? before?.split ?? (await utterances.splitOf(id));
    const after = { text, label: wanted, split, said: said ?? before?.said };
    const replaces = before !== undefined && before.text !== text;
    // A first label is scored, whether the text was kept before or not.
    if (before === undefined || before.label === null || replaces)
      await writeText(context, id, { utterance: after, replaces, isScored: !replaces });
    else if (before.label !== wanted || before.split !== split || before.said !== after.said)
      await writeLabel(context, id, after);
    const { learningState } = agentState;
    // The stored label is learned, so an earlier call that failed in between is made good here.
    learningState?.live.hold(id, learningState.features.get(id), wanted);
    await doDueWork(context);
    context.lessons.add({ kind: "learned", utterances: utterances.counts });
    return { id, split, utterances: utterances.counts };
  });
}

interface NewText {
  readonly utterance: Utterance;
  /** Whether the id had another text, of which nothing may stay. */
  readonly replaces: boolean;
  readonly isScored: boolean;
}

export async function writeText(
  context: Context,
  id: string,
  { utterance, replaces, isScored }: NewText,
): Promise<void> {
  const { ports, agentState, utterances, learner } = context;
  const { learningState } = agentState;
  const { store } = ports;
  const operations = [await utterances.put(id, utterance)];
  if (replaces) {
    operations.push(...(await deleteFeatures(store, await utterances.nameOf(id))), ...(await learner.deleteHeads()));
  }
  const row = learningState && featuresOf(learningState.model, utterance.text);
  if (row !== undefined) operations.push(await learningState!.features.put(id, row));
  const { label } = utterance;
  const scored = isScored && row && label !== null ? await score(context, id, { row, label }) : undefined;
  if (scored !== undefined) operations.push(...scored.operations);
  if (replaces) await store.erase(operations);
  else await store.batch(operations);
  scored?.onWritten();
  utterances.onWritten(id, utterance);
  learningState?.features.onWritten(id, row);
  agentState.candidateFeatures?.onWritten(id, undefined);
}

/** Scores the answers to a new label before they learn from it. An id that was forgotten has had its score. */
async function score(
  { agentState, utterances, tombstones, scores }: Context,
  id: string,
  { row, label }: { readonly row: Float32Array; readonly label: string },
): Promise<PendingChange | undefined> {
  const { learningState, activeSlot } = agentState;
  if (learningState === undefined || activeSlot === undefined || (await tombstones.count(id)) > 0) return undefined;
  const { model, live } = learningState;
  const text = createMatrix(1, row.length, row);
  const isRight = (head: Pick<typeof live, "probabilities">) =>
    areRight(head.probabilities(text), live.classes, [label])[0]!;
  return scores.add({
    name: await utterances.nameOf(id),
    release: activeSlot.sequence,
    prior: isRight(model.prior),
    answering: isRight(live),
  });
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
