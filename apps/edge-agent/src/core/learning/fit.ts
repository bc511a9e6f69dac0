// Fits the personal head on the person's training rows, and scores it and the prior head on the hold-out.

import type { Engine } from "@attune/ml/engine/engine";
import type { Head } from "@attune/ml/heads/head";
import { createMatrix } from "@attune/ml/tensor/matrix";
import { slugsOf } from "@attune/shared/contracts/label-set";
import type { HeadChoice } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { Clock } from "../ports.js";
import type { Model } from "../prediction/model.js";
import { evaluate, isRight, type LabelledRows } from "./evaluate.js";
import type { LearningState } from "./learning-state.js";
import { createPace } from "./pace.js";
import { personalise } from "./personalise.js";
import type { UtteranceEntry, Utterances } from "./utterances.js";

export interface Fitted {
  /** Undefined while there is nothing to learn from. */
  readonly personal: Head | undefined;
  readonly choice: HeadChoice;
  readonly l2: number | null;
  readonly trainMs: number | null;
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly train: number;
  readonly holdout: number;
}

export interface FitParts {
  readonly clock: Clock;
  readonly engine: Pick<Engine, "heads">;
  readonly utterances: Utterances;
}

/** Other work runs between the steps, so the caller keeps labels and forgetting out meanwhile. */
export async function fit(parts: FitParts, learningState: LearningState): Promise<Fitted> {
  try {
    return await trainAndScore(parts, learningState);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // Rows that cannot be learned from are the person's. Nothing that leaves the device may show that they exist.
    const { train, holdout } = parts.utterances.counts;
    const nothing = { personal: undefined, l2: null, trainMs: null, f1Prior: null, f1Personal: null };
    return { ...nothing, choice: "prior", train, holdout };
  }
}

/** The hold-out is looked at only after every choice has been made. */
async function trainAndScore({ clock, engine, utterances }: FitParts, learningState: LearningState): Promise<Fitted> {
  const { release, prior } = learningState.model;
  const classes = slugsOf(release.labels);
  const rows = rowsOf(learningState, utterances, ({ split, label }) => split === "train" && classes.includes(label));
  const holdout = rowsOf(learningState, utterances, ({ split }) => split === "holdout");
  const pace = createPace(clock);
  const input = {
    features: rows.features,
    labels: Int32Array.from(rows.labels, (label) => classes.indexOf(label)),
    identity: { features: release.features.identity, classes },
    prior,
    recipe: release.headRecipe,
    kernels: engine.heads,
  };
  const personal = rows.labels.length === 0 ? undefined : await personalise(input, pace.yieldToOthers);
  const workedMs = pace.workedMs();
  return {
    personal: personal?.head,
    choice: personal?.choice ?? "prior",
    l2: personal?.l2 ?? null,
    trainMs: personal === undefined ? null : workedMs,
    f1Prior: evaluate(prior, holdout),
    f1Personal: personal === undefined ? null : evaluate(personal.head, holdout),
    train: utterances.counts.train,
    holdout: utterances.counts.holdout,
  };
}

/** The head that answers: the personal head where it was chosen, else the prior head. */
export function answeringHead({ prior }: Model, fitted: Pick<Fitted, "personal" | "choice"> | undefined): Head {
  return (fitted?.choice === "personal" ? fitted.personal : undefined) ?? prior;
}

/**
 * Whether the head that would answer is right about each utterance of the hold-out, in the order of the ids. An
 * utterance without features counts as wrong.
 */
export function rightOnHoldout(utterances: Utterances, { model, features }: LearningState, fitted: Fitted): boolean[] {
  const head = answeringHead(model, fitted);
  const holdout = utterances.ids().filter((id) => utterances.entry(id)?.split === "holdout");
  return holdout.map((id) => {
    const row = features.get(id);
    return row !== undefined && isRight(head, row, utterances.entry(id)!.label);
  });
}

/** The rows of the chosen utterances that have features. */
function rowsOf(
  { model, features }: LearningState,
  utterances: Utterances,
  isChosen: (entry: UtteranceEntry) => boolean,
): LabelledRows {
  const rows: Float32Array[] = [];
  const labels: string[] = [];
  for (const id of utterances.ids()) {
    const entry = utterances.entry(id);
    const row = features.get(id);
    if (entry === undefined || row === undefined || !isChosen(entry)) continue;
    rows.push(row);
    labels.push(entry.label);
  }
  const { featureSize } = model.release.features;
  const matrix = createMatrix(rows.length, featureSize);
  for (const [i, row] of rows.entries()) matrix.data.set(row, i * featureSize);
  return { features: matrix, labels };
}
