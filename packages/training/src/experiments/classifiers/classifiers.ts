// The classifiers of tables 4 to 7 as experiments: each fits a grid of settings, and the chosen setting is
// measured for every seed.

import { MlError } from "@attune/ml/error";
import { predictedLabels, weightedF1 } from "@attune/ml/metrics/classification";
import type { Matrix } from "@attune/ml/tensor/matrix";
import { createMeasurements, temperatureOf } from "../workbench/measurement.js";
import type { Finding } from "../workbench/outcome.js";
import type { Examples, Problem } from "../workbench/workbench.js";

/** A fitted setting, or a setting whose equations had no usable solution. */
export interface Fitted<Setting> {
  readonly setting: Setting;
  /**
   * (N, D) to (N, classes): logits or least squares; the largest score is the prediction. Absent
   * for a singular setting.
   */
  readonly scores?: (features: Matrix) => Matrix;
}

export interface FitInput<Group> {
  readonly problem: Problem;
  readonly examples: Examples;
  /** Settings that share work are fitted together. */
  readonly group: Group;
  readonly seed: number;
  /** The rows that early stopping may use; given while settings are chosen. */
  readonly check?: Examples;
}

export interface Classifier<Setting> {
  /** A part of the key, which changes when the method does. */
  readonly name: string;
  readonly groups: readonly (readonly Setting[])[];
  /** The seed changes nothing, so one run is enough. */
  readonly deterministic?: boolean;
  /** Turns scores into probabilities without calibration; a softmax by default. */
  readonly plain?: (scores: Matrix) => Matrix;
  describe(setting: Setting): string;
  fit(input: FitInput<readonly Setting[]>): Promise<Fitted<Setting>[]> | Fitted<Setting>[];
}

interface ClassifierRun {
  readonly problem: Problem;
  readonly seeds: readonly number[];
  /** Chooses anew for each seed, in place of once with the first. */
  readonly chooseEachSeed: boolean;
  readonly report: (fraction: number) => void;
}

export async function measureClassifier<S>(classifier: Classifier<S>, run: ClassifierRun): Promise<Finding> {
  const { problem, report } = run;
  const seeds = classifier.deterministic === true ? run.seeds.slice(0, 1) : run.seeds;
  const { measure } = problem.final;
  const rounds = run.chooseEachSeed ? seeds.length : 1;
  const steps = rounds * classifier.groups.length + seeds.length;
  let done = 0;
  const step = () => report(++done / steps);

  const notes = new Set<string>();
  const measurements = createMeasurements(problem.identity.classes.length, classifier.plain);
  let chosen: Choice<S>["best"];
  for (const [turn, seed] of seeds.entries()) {
    if (turn < rounds) {
      const choice = await choose(classifier, { problem, seed, step });
      chosen = choice.best;
      if (choice.singular.length > 0) notes.add(`singular: ${choice.singular.join(", ")}`);
      if (chosen !== undefined) notes.add(`chosen: ${classifier.describe(chosen.setting)}`);
    }
    if (chosen === undefined) continue;
    const { setting, temperature } = chosen;
    const [fitted] = await classifier.fit({ problem, examples: problem.final.fit, group: [setting], seed });
    step();
    if (fitted?.scores === undefined) {
      notes.add(`singular: ${classifier.describe(setting)}`);
      continue;
    }
    measurements.add({ measured: { scores: fitted.scores(measure.features), labels: measure.labels }, temperature });
  }
  return measurements.finding([...notes]);
}

interface Choice<S> {
  /** The temperature is that of the chosen head, fitted on the rows that it was chosen on. */
  readonly best: { readonly setting: S; readonly temperature: number } | undefined;
  readonly singular: string[];
}

/**
 * The setting with the largest weighted F1 on the rows that settings are chosen on, and the
 * settings that were singular.
 */
export async function choose<S>(
  classifier: Classifier<S>,
  { problem, seed, step }: { problem: Problem; seed: number; step: () => void },
): Promise<Choice<S>> {
  const { fit, check } = problem.choose;
  const singular: string[] = [];
  let best: { readonly setting: S; readonly scores: Matrix; readonly f1: number } | undefined;
  for (const group of classifier.groups) {
    for (const { setting, scores: scoresOf } of await classifier.fit({ problem, examples: fit, group, seed, check })) {
      if (scoresOf === undefined) {
        singular.push(classifier.describe(setting));
        continue;
      }
      const scores = scoresOf(check.features);
      const f1 = weightedF1(check.labels, predictedLabels(scores), problem.identity.classes.length);
      if (best === undefined || f1 > best.f1) best = { setting, scores, f1 };
    }
    step();
  }
  if (best === undefined) return { best, singular };
  const temperature = temperatureOf({ scores: best.scores, labels: check.labels });
  return { best: { setting: best.setting, temperature }, singular };
}

/** A fit, or undefined if its equations are singular; other errors pass. */
export function unlessSingular<T>(fit: () => T): T | undefined {
  try {
    return fit();
  } catch (error) {
    if (error instanceof MlError && error.code === "singular") return undefined;
    throw error;
  }
}
