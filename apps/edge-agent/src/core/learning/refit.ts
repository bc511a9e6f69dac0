// The quiet refit: a fresh mixture learns all rows that are kept, in an order drawn by a keyed hash of their ids. So it
// depends on the rows alone, and not on the order of the labels, on restarts or on what was forgotten.

import type { Engine } from "@attune/ml/engine/engine";
import { createMatrix, type Matrix } from "@attune/ml/tensor/matrix";
import type { Split } from "@attune/shared/contracts/local-api";
import type { Clock } from "../ports.js";
import { areRight, evaluate } from "./evaluate.js";
import type { LearningState } from "./learning-state.js";
import { createLiveMixture, type LiveMixture } from "./live-mixture.js";
import { createPace } from "./pace.js";
import type { Utterances } from "./utterances.js";

/** The numbers of a refit. */
export interface Measured {
  readonly trainMs: number | null;
  /** On the hold-out, before the mixture learned it. */
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  /** The utterances stored then. */
  readonly train: number;
  readonly holdout: number;
}

export interface Refitted {
  readonly live: LiveMixture;
  readonly measured: Measured;
  /**
   * Whether the mixture was right about each utterance of the hold-out before it learned them, in the order of the ids.
   * An utterance without features counts as wrong.
   */
  readonly rightOnHoldout: readonly boolean[];
}

export interface RefitParts {
  readonly clock: Clock;
  readonly engine: Pick<Engine, "heads">;
  readonly utterances: Utterances;
}

/** Undefined where `isWanted` did not hold after a step. Other work runs between the steps. */
export async function refit(
  parts: RefitParts,
  learningState: LearningState,
  isWanted: () => boolean = () => true,
): Promise<Refitted | undefined> {
  const pace = createPace(parts.clock);
  const steps = refitSteps(parts, learningState);
  let step = steps.next();
  for (; !step.done; step = steps.next()) {
    await pace.yieldToOthers();
    if (!isWanted()) return undefined;
  }
  const { measured, ...refitted } = step.value;
  const trainMs = refitted.live.rows === 0 ? null : pace.workedMs();
  return { ...refitted, measured: { ...measured, trainMs } };
}

/** The mixture meets the hold-out as texts that it has never seen, and learns it last. */
function* refitSteps(
  { engine, utterances }: RefitParts,
  { model, features }: LearningState,
): Generator<void, Refitted> {
  const live = createLiveMixture({ model, kernels: engine.heads });
  const drawn = utterances.drawnIds().map((id) => ({ id, row: features.get(id), ...utterances.entry(id)! }));
  function* learn(split: Split): Generator<void> {
    for (const { id, row, label } of drawn.filter((each) => each.split === split)) {
      live.hold(id, row, label);
      yield;
    }
    yield* live.settle();
  }

  yield* learn("train");
  // Labels that the release does not know wait, and count neither for the prior nor against it.
  const holdout = drawn.filter(
    ({ split, row, label }) => split === "holdout" && row !== undefined && live.classes.includes(label),
  );
  const texts = asMatrix(
    holdout.map(({ row }) => row!),
    model.release.features.featureSize,
  );
  const labels = holdout.map(({ label }) => label);
  const answers = live.probabilities(texts);
  const right = new Map(areRight(answers, live.classes, labels).map((isRight, i) => [holdout[i]!.id, isRight]));
  const measured = {
    trainMs: null,
    f1Prior: evaluate(model.prior.probabilities(texts), live.classes, labels),
    f1Personal: live.rows === 0 ? null : evaluate(answers, live.classes, labels),
    ...utterances.counts,
  };
  yield* learn("holdout");
  const ids = utterances.ids().filter((id) => utterances.entry(id)!.split === "holdout");
  return { live, measured, rightOnHoldout: ids.map((id) => right.get(id) ?? false) };
}

function asMatrix(rows: readonly Float32Array[], size: number): Matrix {
  const matrix = createMatrix(rows.length, size);
  for (const [i, row] of rows.entries()) matrix.data.set(row, i * size);
  return matrix;
}
