// The training loop: batches through the graph, AdamW, evaluations and checkpoints, early stopping, resumption.

import { pooledSize } from "@attune/ml/encoder/pooling";
import { encoderWeightShapes } from "@attune/ml/encoder/weight-shapes";
import { createRandom } from "@attune/ml/tensor/random";
import { AppError } from "@attune/shared/errors";
import { type BatchPlan, batchesPerEpoch, type Example, planEpoch, type TrainingTask } from "../data/batches.js";
import { initialValues } from "../graphs/encoder.js";
import { wordEmbeddings } from "../graphs/forward.js";
import {
  type CurvePoint,
  type EvaluationRecord,
  loadCheckpoint,
  saveCheckpoint,
  type TrainingState,
} from "./checkpoint.js";
import { type Ending, endingOf, goalOf } from "./ending.js";
import { taskF1 } from "./inference.js";
import { type BackendParameters, createBackendParameters, createParameter, type Parameter } from "./optimizer.js";
import { createPace } from "./pace.js";
import { type StepContext, trainStep } from "./train-step.js";

export interface TrainerInput extends StepContext {
  /** `dev` belongs to the first task. */
  readonly tasks: readonly TrainingTask[];
  readonly dev: readonly Example[];
  readonly fingerprint: string;
  /** The encoder's weights to start from; random ones if absent. The heads always start from random weights. */
  readonly initial?: ReadonlyMap<string, Float32Array>;
  /** The best dev metric of a full run; `recipe.stopAtFraction` is a share of it. */
  readonly referenceMetric?: number;
  /** The folder of the checkpoints; without it none are written. */
  readonly directory?: string;
  readonly resume?: boolean;
  /** The clock that decides when checkpoints are written; every evaluation writes one too. */
  readonly nowMs?: () => number;
  readonly onProgress?: (progress: ProgressReport) => void;
  /** Called after each evaluation. */
  readonly onEvaluation?: (curves: Curves) => void;
  /** Saves a checkpoint and returns after the current step. */
  readonly signal?: AbortSignal;
}

export interface ProgressReport {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Mean loss since the last evaluation. */
  readonly loss: number;
  readonly devMetric: number | undefined;
  readonly secondsLeft: number;
}

export interface Curves {
  readonly curve: readonly CurvePoint[];
  readonly evaluations: readonly EvaluationRecord[];
}

export interface TrainingOutcome extends Curves {
  /** undefined for a run that the signal stopped; it resumes from the checkpoint. */
  readonly ending: Ending | undefined;
  /** The weights that the recipe selects, encoder and heads ("head.<task>.weight"), by name. */
  readonly selected: ReadonlyMap<string, Float32Array>;
  /** The index of their evaluation. */
  readonly selectedEvaluation: number;
  readonly seconds: number;
}

export async function train(input: TrainerInput): Promise<TrainingOutcome> {
  const { tf, recipe, tasks, seed, signal, directory } = input;
  const perEpoch = batchesPerEpoch(tasks, recipe.batchSize);
  const schedule = scheduleOf(input, perEpoch);
  const resumed = input.resume && directory !== undefined ? loadCheckpoint(directory, input.fingerprint) : undefined;
  const state = resumed ?? freshState(input);
  const { progress } = state;
  const before = { steps: progress.step, seconds: progress.seconds };
  const pace = createPace(before);
  const started = performance.now();
  const trained = createBackendParameters(tf, state.parameters, wordEmbeddings);
  const goal = goalOf(recipe, input.referenceMetric);
  const saving = createSavingClock(input.nowMs ?? (() => performance.now()));
  let plans: { readonly epoch: number; readonly batches: BatchPlan[] } | undefined;
  try {
    for (;;) {
      const ending = endingOf({ ...progress, ...schedule, goal, patience: recipe.patience });
      if (ending !== undefined) return outcome(state, input, ending);
      const epoch = Math.floor(progress.step / perEpoch);
      if (plans?.epoch !== epoch) {
        plans = { epoch, batches: planEpoch(tasks, { batchSize: recipe.batchSize, seed, epoch }) };
      }
      const plan = plans.batches[progress.step % perEpoch]!;
      const task = tasks[plan.task]!;
      const examples = Array.from(plan.indices, (i) => task.examples[i]!);
      const loss = trainStep(input, { state, trained, examples, task, steps: schedule.decaySteps });
      if (!Number.isFinite(loss)) {
        throw new AppError(
          "INVALID_INPUT",
          `step ${progress.step}: the loss is ${loss}; lower the recipe's learningRate`,
        );
      }
      progress.step += 1;
      progress.seconds = before.seconds + (performance.now() - started) / 1000;
      noteLoss(state, loss, schedule);
      const here = { steps: progress.step - before.steps, seconds: progress.seconds - before.seconds };
      input.onProgress?.(report(state, schedule, pace(here)));
      // Lets signals and the progress line run.
      await new Promise((resolve) => setImmediate(resolve));
      const evaluated = schedule.evaluatesAt(progress.step);
      const due = evaluated || signal?.aborted || saving.isDue();
      if (due) trained.download();
      if (evaluated) {
        evaluate(input, { state, trained, epoch: progress.step / perEpoch });
        progress.seconds = before.seconds + (performance.now() - started) / 1000;
        input.onEvaluation?.(progress);
      }
      if (due && directory !== undefined) saving.during(() => saveCheckpoint(directory, state));
      if (signal?.aborted) return outcome(state, input, undefined);
    }
  } finally {
    trained.dispose();
  }
}

/**
 * Writes a checkpoint a minute, so that a killed run loses a minute at most. A large encoder's checkpoint takes seconds
 * to write and is written less often. Time decides when a checkpoint is written, never its content.
 */
function createSavingClock(nowMs: () => number) {
  let [savedMs, costMs] = [nowMs(), 0];
  return {
    isDue: () => nowMs() - savedMs >= Math.max(60_000, 20 * costMs),
    during(save: () => void) {
      const startMs = nowMs();
      save();
      savedMs = nowMs();
      costMs = savedMs - startMs;
    },
  };
}

interface TrainingSchedule {
  readonly perEpoch: number;
  /** The step after which the learning rate would be zero. */
  readonly decaySteps: number;
  /** The step after which training ends at the latest. */
  readonly lastStep: number;
  readonly curveEvery: number;
  evaluatesAt(step: number): boolean;
}

function scheduleOf({ recipe }: TrainerInput, perEpoch: number): TrainingSchedule {
  const { epochs, stopAfterEpochs = epochs, evaluationsPerEpoch } = recipe;
  const stepsOf = (count: number) => Math.max(1, Math.round(count * perEpoch));
  const lastStep = stepsOf(Math.min(epochs, stopAfterEpochs));
  const evaluations = (step: number) => Math.floor((step * evaluationsPerEpoch) / perEpoch);
  return {
    perEpoch,
    decaySteps: stepsOf(epochs),
    lastStep,
    curveEvery: Math.ceil(lastStep / 200),
    evaluatesAt: (step) => step === lastStep || evaluations(step) > evaluations(step - 1),
  };
}

function noteLoss({ progress }: TrainingState, loss: number, { curveEvery }: TrainingSchedule): void {
  progress.lossSum += loss;
  progress.curveLossSum += loss;
  if (progress.step % curveEvery !== 0) return;
  progress.curve.push({ step: progress.step, loss: progress.curveLossSum / curveEvery });
  progress.curveLossSum = 0;
}

function meanLoss({ lossSum, step, evaluations }: TrainingState["progress"]): number {
  return lossSum / (step - (evaluations.at(-1)?.step ?? 0));
}

function report({ progress }: TrainingState, schedule: TrainingSchedule, secondsPerStep: number): ProgressReport {
  const { perEpoch, lastStep } = schedule;
  return {
    step: progress.step,
    steps: lastStep,
    epoch: Math.floor((progress.step - 1) / perEpoch),
    epochs: Math.ceil(lastStep / perEpoch),
    loss: meanLoss(progress),
    devMetric: progress.evaluations.at(-1)?.devMetric,
    secondsLeft: secondsPerStep * (lastStep - progress.step),
  };
}

interface EvaluationInput {
  readonly state: TrainingState;
  readonly trained: BackendParameters;
  readonly epoch: number;
}

function evaluate(input: TrainerInput, { state, trained, epoch }: EvaluationInput): void {
  const { progress, parameters } = state;
  const devMetric = taskF1(input, { parameters, weights: trained.weights, task: input.tasks[0]!, examples: input.dev });
  const best = progress.evaluations[progress.bestEvaluation]?.devMetric ?? Number.NEGATIVE_INFINITY;
  progress.evaluations.push({
    step: progress.step,
    epoch,
    trainLoss: meanLoss(progress),
    devMetric,
    seconds: progress.seconds,
  });
  progress.lossSum = 0;
  if (devMetric <= best) return;
  progress.bestEvaluation = progress.evaluations.length - 1;
  if (input.recipe.select === "best") state.best = valuesOf(parameters);
}

function valuesOf(parameters: ReadonlyMap<string, Parameter>): Map<string, Float32Array> {
  return new Map([...parameters].map(([name, { values }]) => [name, values.slice()]));
}

function freshState({ config, recipe, tasks, seed, fingerprint, initial }: TrainerInput): TrainingState {
  const random = createRandom(seed);
  const shapes = encoderWeightShapes(config);
  const features = pooledSize(config.hiddenSize, recipe.pooling);
  for (const { name, classes } of tasks) {
    shapes.set(`head.${name}.weight`, [classes.length, features]);
    shapes.set(`head.${name}.bias`, [classes.length]);
  }
  const parameters = new Map<string, Parameter>();
  for (const [name, shape] of shapes) {
    const values = initial?.get(name)?.slice() ?? initialValues(name, shape, random);
    parameters.set(name, createParameter(shape, values));
  }
  const progress = {
    version: 2 as const,
    fingerprint,
    step: 0,
    lossSum: 0,
    curveLossSum: 0,
    curve: [],
    evaluations: [],
    bestEvaluation: -1,
    seconds: 0,
  };
  return { progress, parameters, best: new Map() };
}

function outcome(
  { progress, best, parameters }: TrainingState,
  { recipe }: TrainerInput,
  ending: Ending | undefined,
): TrainingOutcome {
  const { evaluations, curve, bestEvaluation, seconds } = progress;
  return recipe.select === "best"
    ? { ending, evaluations, curve, seconds, selected: best, selectedEvaluation: bestEvaluation }
    : {
        ending,
        evaluations,
        curve,
        seconds,
        selected: valuesOf(parameters),
        selectedEvaluation: evaluations.length - 1,
      };
}
