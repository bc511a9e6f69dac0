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
import type { Serial } from "../concurrency/serial.js";
import { type Draft, metricsDraft } from "../egress/report.js";
import { removeEverywhere } from "../learning/features-cache.js";
import { forgetOperations } from "../learning/forget.js";
import { type Fitted, type LearningState, rowOf } from "../learning/learner.js";
import { clearRelearnMark, isRelearnDue } from "../learning/relearn-mark.js";
import { lessonsDue } from "../learning/schedule.js";
import type { StoreOperation } from "../ports.js";
import { createLatencies, type Latencies } from "../prediction/latencies.js";
import type { Pair } from "../prediction/pair.js";
import { putMark, putRecord } from "../storage/records.js";

const wantedPrefix = "report-wanted/";
const reportedPrefix = "reported/";

/** `serial`: every change to what was learned runs through it, one at a time. */
export function createLessons(context: Context, serial: Serial) {
  const { ports, memory, egress, contracts, utterances, tombstones, learner } = context;
  const { store, clock } = ports;
  const latencies = createLatencies();

  function learningState(): LearningState {
    if (memory.learningState === undefined) throw new AppError("NO_RELEASE", "this device has no release yet");
    return memory.learningState;
  }

  async function predict(input: PredictInput): Promise<Prediction> {
    const { pair } = learningState();
    const { text: given, id = null } = parseInput(predictInputSchema, input);
    const text = wellFormed(given);
    const startedMs = clock.monotonicMs();
    const features = pair.extract(text);
    const { personal, choice } = memory.fitted ?? { personal: undefined, choice: "prior" as const };
    const [head, by] =
      choice === "personal" && personal ? ([personal, choice] as const) : ([pair.prior, "prior"] as const);
    const { data } = head.probabilities(createMatrix(1, features.length, features));
    const ms = clock.monotonicMs() - startedMs;
    latencies.add(ms);
    const { labels } = pair.release;
    const best = data.reduce((top, value, i) => (value > data[top]! ? i : top), 0);
    const probabilities = Object.fromEntries(labels.map((label, i) => [label, data[i]!]));
    return { id, label: labels[best]!, probabilities, head: by, ms };
  }

  function label(input: LabelInput): Promise<Labelled> {
    return serial(async () => {
      const { id, label: wanted, split: asked, ...given } = parseInput(labelInputSchema, input);
      const text = wellFormed(given.text);
      checkLabel(wanted, memory.learningState?.pair.release.labels);
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
    if (textIs === "another") operations.push(...(await removeEverywhere(store, await utterances.nameOf(id))));
    if (textIs !== "the same") {
      row = memory.learningState && rowOf(memory.learningState.pair, utterance.text);
      if (row !== undefined && memory.learningState !== undefined) {
        operations.push(await memory.learningState.features.put(id, row));
      }
    }
    if (textIs === "another") await store.erase(operations);
    else await store.batch(operations);
    utterances.noted(id, utterance);
    if (textIs !== "the same") {
      memory.learningState?.features.noted(id, row);
      memory.candidateFeatures?.noted(id, undefined);
    }
  }

  function forget(given: string): Promise<Forgotten> {
    return serial(async () => {
      const id = parseInput(utteranceIdSchema, given, "id");
      const hadLearned = memory.fitted !== undefined;
      const operations = await forgetOperations({ store, utterances, learner }, id, hadLearned);
      if (operations === undefined) return { removed: false };
      // The tombstone comes first, so that the next start finishes a forgetting that dies after this line.
      await tombstones.add(id);
      await store.erase(operations);
      utterances.noted(id, undefined);
      memory.learningState?.features.noted(id, undefined);
      memory.candidateFeatures?.noted(id, undefined);
      memory.fitted = undefined;
      if (hadLearned) await relearn();
      return { removed: true };
    });
  }

  /** Fits and saves the head, and only then answers with it. */
  async function relearn(operations: readonly StoreOperation[] = []): Promise<Fitted> {
    const current = learningState();
    const fitted = await learner.fit(current);
    const saved = await learner.save(current, fitted);
    await store.batch([...saved, clearRelearnMark, ...operations]);
    memory.fitted = fitted;
    return fitted;
  }

  function learn(input: LearnInput = {}): Promise<Learned> {
    return serial(async () => {
      const { report = false } = parseInput(learnInputSchema, input);
      const { sequence } = learningState().pair.release;
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

  /** Makes the reports that are due: for milestones reached, and for calls of `learn`. Runs inside `serial`. */
  async function settle(): Promise<void> {
    if (memory.learningState === undefined || memory.identity === undefined) return;
    if (await isRelearnDue(store)) await relearn();
    const due = lessonsDue(utterances.counts.train);
    if (memory.milestones < due && lessonsDue(memory.fitted?.train ?? 0) < due) await relearn();
    while (memory.milestones < due) {
      const reported = memory.milestones + 1;
      if (!(await queueMetrics([putRecord(keys.milestones, { version: 1, reported })]))) return;
      memory.milestones = reported;
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
      memory.held++;
      return false;
    }
    await egress.queue([currentMetrics()], operations);
    return true;
  }

  function currentMetrics(): Draft<"report.metrics"> {
    const { pair } = learningState();
    const { release } = pair;
    const standard = standardLatencies(pair);
    const { train, holdout } = utterances.counts;
    const wording = { contracts, contract: egress.contract };
    return metricsDraft(wording, {
      releaseSequence: release.sequence,
      engine: ports.engine.name,
      headKind: release.headRecipe.kind,
      train,
      holdout,
      f1Prior: memory.fitted?.f1Prior ?? null,
      f1Personal: memory.fitted?.f1Personal ?? null,
      predictP50Ms: standard.percentile(0.5),
      predictP90Ms: standard.percentile(0.9),
      trainMs: memory.fitted?.trainMs ?? null,
    });
  }

  /** Latencies on fixed sentences: latencies on the person's own sentences would reveal their length. */
  function standardLatencies({ extract, prior }: Pair): Latencies {
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
    return serial(async () => {
      const draft = currentMetrics();
      if (!egress.hasRoom()) {
        memory.held++;
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
    settleSoon: () => serial(settle),
    /** Resolves when none of the calls above is under way. */
    idle: () => serial(async () => undefined),
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
  throw new AppError("INVALID_INPUT", `label: must be one of ${known.join(", ")}`);
}
