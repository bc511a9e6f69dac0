// The person's side of the agent: predict, take a label, forget, learn, and the metrics reports that these bring about.
// A report is due by what was learned, never by the time, so that a killed and restarted run ends with the same reports.

import { warmUpRounds, warmUpTexts } from "@attune/ml/features/open-extractor";
import { createMatrix } from "@attune/ml/tensor/matrix";
import type { EmotionLabel } from "@attune/shared/contracts/dataset";
import {
  type Forgotten,
  type LabelInput,
  type Labelled,
  type Learned,
  type LearnInput,
  labelInputSchema,
  learnInputSchema,
  type PredictInput,
  type Prediction,
  predictInputSchema,
  type Reported,
  type Split,
  utteranceIdSchema,
} from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import { type Context, keys } from "../agent-state.js";
import type { Exclusive } from "../concurrency/exclusive.js";
import { type Draft, metricsDraft } from "../egress/report.js";
import { featureDeletions } from "../learning/features-cache.js";
import { forgetOperations } from "../learning/forget.js";
import { type Fitted, type LearningState, rowOf } from "../learning/learner.js";
import { deleteRelearnMark, isRelearnDue } from "../learning/relearn-mark.js";
import { milestonesDue } from "../learning/schedule.js";
import type { StoreOperation } from "../ports.js";
import { createLatencies, type Latencies } from "../prediction/latencies.js";
import type { Model } from "../prediction/model.js";
import { putMark, putRecord } from "../storage/records.js";

const wantedPrefix = "report-wanted/";
const reportedPrefix = "reported/";

/** `exclusive`: every change to what was learned runs through it, one at a time. */
export function createLessons(context: Context, exclusive: Exclusive) {
  const { ports, agentState, egress, contracts, utterances, tombstones, learner } = context;
  const { store, clock } = ports;
  const latencies = createLatencies();

  function learningState(): LearningState {
    if (agentState.learningState === undefined) throw new AppError("NO_RELEASE", "this device has no release yet");
    return agentState.learningState;
  }

  async function predict(input: PredictInput): Promise<Prediction> {
    const { model } = learningState();
    const { text: given, id = null } = parseInput(predictInputSchema, input);
    const text = wellFormed(given);
    const startedMs = clock.monotonicMs();
    const features = model.extract(text);
    const { personal, choice } = agentState.fitted ?? { personal: undefined, choice: "prior" as const };
    const [head, by] =
      choice === "personal" && personal ? ([personal, choice] as const) : ([model.prior, "prior"] as const);
    const { data } = head.probabilities(createMatrix(1, features.length, features));
    const ms = clock.monotonicMs() - startedMs;
    latencies.add(ms);
    const { labels } = model.release;
    const best = data.reduce((top, value, i) => (value > data[top]! ? i : top), 0);
    const probabilities = Object.fromEntries(labels.map((label, i) => [label, data[i]!]));
    return { id, label: labels[best]!, probabilities, head: by, ms };
  }

  function label(input: LabelInput): Promise<Labelled> {
    return exclusive(async () => {
      const { id, label: wanted, split: asked, ...given } = parseInput(labelInputSchema, input);
      const text = wellFormed(given.text);
      checkLabel(wanted, agentState.learningState?.model.release.labels);
      const before = await utterances.read(id);
      const split = asked ?? before?.split ?? (await utterances.splitOf(id));
      if (before?.text !== text || before.label !== wanted || before.split !== split) {
        const textIs = before === undefined ? "new" : before.text === text ? "the same" : "another";
        await writeUtterance(id, { text, label: wanted, split }, textIs);
      }
      await settle();
      return { id, split, utterances: utterances.counts };
    });
  }

  async function writeUtterance(
    id: string,
    utterance: { text: string; label: EmotionLabel; split: Split },
    textIs: "new" | "the same" | "another",
  ): Promise<void> {
    const operations = [await utterances.put(id, utterance)];
    let row: Float32Array | undefined;
    if (textIs === "another") operations.push(...(await featureDeletions(store, await utterances.nameOf(id))));
    if (textIs !== "the same") {
      row = agentState.learningState && rowOf(agentState.learningState.model, utterance.text);
      if (row !== undefined && agentState.learningState !== undefined) {
        operations.push(await agentState.learningState.features.put(id, row));
      }
    }
    if (textIs === "another") await store.erase(operations);
    else await store.batch(operations);
    utterances.onWritten(id, utterance);
    if (textIs !== "the same") {
      agentState.learningState?.features.onWritten(id, row);
      agentState.candidateFeatures?.onWritten(id, undefined);
    }
  }

  function forget(given: string): Promise<Forgotten> {
    return exclusive(async () => {
      const id = parseInput(utteranceIdSchema, given, "id");
      const hadLearned = agentState.fitted !== undefined;
      const operations = await forgetOperations({ store, utterances, learner }, id, hadLearned);
      if (operations === undefined) return { removed: false };
      // The tombstone comes first, so that the next start finishes a forgetting that dies after this line.
      await tombstones.add(id);
      await store.erase(operations);
      utterances.onWritten(id, undefined);
      agentState.learningState?.features.onWritten(id, undefined);
      agentState.candidateFeatures?.onWritten(id, undefined);
      agentState.fitted = undefined;
      if (hadLearned) await relearn();
      return { removed: true, retrained: hadLearned };
    });
  }

  /** Fits and saves the head, and only then answers with it. */
  async function relearn(operations: readonly StoreOperation[] = []): Promise<Fitted> {
    const current = learningState();
    const fitted = await learner.fit(current);
    const saved = await learner.save(current, fitted);
    await store.batch([...saved, deleteRelearnMark, ...operations]);
    agentState.fitted = fitted;
    return fitted;
  }

  function learn(input: LearnInput = {}): Promise<Learned> {
    return exclusive(async () => {
      const { report = false } = parseInput(learnInputSchema, input);
      const { sequence } = learningState().model.release;
      const { train, holdout } = utterances.counts;
      const mark = `${sequence}/${train}/${holdout}`;
      const due = report && (await store.get(reportedPrefix + mark)) === undefined;
      const wish = putMark(wantedPrefix + mark);
      const fitted = await relearn(due ? [wish] : []);
      await settle();
      const { choice, l2, trainMs, f1Prior, f1Personal } = fitted;
      return { head: choice, l2, trainMs, f1Prior, f1Personal, holdout };
    });
  }

  /** Makes the reports that are due: for milestones reached, and for calls of `learn`. Runs inside `exclusive`. */
  async function settle(): Promise<void> {
    if (agentState.learningState === undefined || agentState.identity === undefined) return;
    if (await isRelearnDue(store)) await relearn();
    const due = milestonesDue(utterances.counts.train);
    if (agentState.milestones < due && milestonesDue(agentState.fitted?.train ?? 0) < due) await relearn();
    while (agentState.milestones < due) {
      const reported = agentState.milestones + 1;
      if (!(await queueMetrics([putRecord(keys.milestones, { version: 1, reported })]))) return;
      agentState.milestones = reported;
    }
    const wishes: string[] = [];
    for await (const [key] of store.entries(wantedPrefix)) wishes.push(key);
    for (const key of wishes) {
      const mark = reportedPrefix + key.slice(wantedPrefix.length);
      if (!(await queueMetrics([{ type: "delete", key }, putMark(mark)]))) return;
    }
  }

  /** Returns false, and counts it, where the outbox has no room: nothing is written then, and the report stays due. */
  async function queueMetrics(operations: readonly StoreOperation[]): Promise<boolean> {
    if (!egress.hasRoom()) {
      agentState.reportsHeld++;
      return false;
    }
    await egress.queue([currentMetrics()], operations);
    return true;
  }

  function currentMetrics(): Draft<"report.metrics"> {
    const { model } = learningState();
    const { release } = model;
    const standard = standardLatencies(model);
    const { train, holdout } = utterances.counts;
    const wording = { contracts, contract: egress.contract };
    return metricsDraft(wording, {
      releaseSequence: release.sequence,
      engine: ports.engine.name,
      headKind: release.headRecipe.kind,
      train,
      holdout,
      f1Prior: agentState.fitted?.f1Prior ?? null,
      f1Personal: agentState.fitted?.f1Personal ?? null,
      predictP50Ms: standard.percentile(0.5),
      predictP90Ms: standard.percentile(0.9),
      trainMs: agentState.fitted?.trainMs ?? null,
    });
  }

  /** Latencies on fixed sentences: latencies on the person's own sentences would reveal their length. */
  function standardLatencies({ extract, prior }: Model): Latencies {
    const standard = createLatencies();
    for (let round = 0; round < warmUpRounds; round++) {
      for (const text of warmUpTexts) {
        const startedMs = clock.monotonicMs();
        const features = extract(text);
        prior.probabilities(createMatrix(1, features.length, features));
        standard.add(clock.monotonicMs() - startedMs);
      }
    }
    return standard;
  }

  function report(): Promise<Reported> {
    return exclusive(async () => {
      const draft = currentMetrics();
      if (!egress.hasRoom()) {
        agentState.reportsHeld++;
        throw new AppError("OUTBOX_FULL", `${egress.pending} reports wait for the network`);
      }
      const [sequence] = await egress.queue([draft], []);
      return { sequence: sequence! };
    });
  }

  return {
    predict,
    label,
    forget,
    learn,
    report,
    settle,
    settleSoon: () => exclusive(settle),
    /** Resolves when none of the calls above is under way. */
    idle: () => exclusive(async () => undefined),
    latencies,
  };
}

export type Lessons = ReturnType<typeof createLessons>;

/** The text as UTF-8 can hold it: lone surrogates become U+FFFD. */
function wellFormed(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
}

/** A release may know fewer labels than the contract. */
function checkLabel(label: EmotionLabel, known: readonly EmotionLabel[] | undefined): void {
  if (known === undefined || known.includes(label)) return;
  throw new AppError("INVALID_INPUT", `label must be one of ${known.join(", ")}`);
}
