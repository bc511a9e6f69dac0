// The classifiers of tables 4 to 7 as experiments: each fits a grid of settings, one is chosen, and that one is measured for every seed.

import { MlError } from "@attune/ml/error";
import { classificationReport, logLoss, predictedLabels } from "@attune/ml/metrics/classification";
import type { Matrix } from "@attune/ml/tensor/matrix";
import type { Finding } from "./outcome.js";
import type { Examples, Problem } from "./workbench.js";

/** A fitted setting, or one whose equations had no usable solution. */
export interface Fitted<Setting> {
  readonly setting: Setting;
  /** (N, D) to (N, classes); absent when singular. */
  readonly probabilities?: (features: Matrix) => Matrix;
}

export interface FitInput<Group> {
  readonly problem: Problem;
  readonly examples: Examples;
  /** Settings that share work are fitted together. */
  readonly group: Group;
  readonly seed: number;
  /** Given while choosing: what early stopping may look at. */
  readonly check?: Examples;
}

export interface Classifier<Setting> {
  /** Part of the key: changes when the method does. */
  readonly name: string;
  readonly groups: readonly (readonly Setting[])[];
  /** The seed changes nothing: one run is all there is. */
  readonly deterministic?: boolean;
  describe(setting: Setting): string;
  fit(input: FitInput<readonly Setting[]>): Promise<Fitted<Setting>[]> | Fitted<Setting>[];
}

export interface ClassifierRun {
  readonly problem: Problem;
  readonly seeds: readonly number[];
  /** Choose anew for each seed, instead of once with the first. */
  readonly chooseEachSeed: boolean;
  readonly report: (fraction: number) => void;
}

export async function measureClassifier<S>(classifier: Classifier<S>, run: ClassifierRun): Promise<Finding> {
  const { problem, report } = run;
  const seeds = classifier.deterministic === true ? run.seeds.slice(0, 1) : run.seeds;
  const { measure } = problem.final;
  const choosing = classifier.groups.flat().length > 1;
  const rounds = choosing ? (run.chooseEachSeed ? seeds.length : 1) : 0;
  const steps = rounds * classifier.groups.length + seeds.length;
  let done = 0;
  const step = () => report(++done / steps);

  const notes = new Set<string>();
  const scores: number[] = [];
  const losses: number[] = [];
  let confusion: number[] | undefined;
  let chosen: S | undefined = classifier.groups[0]?.[0];
  for (const [turn, seed] of seeds.entries()) {
    if (turn < rounds) {
      const choice = await choose(classifier, { problem, seed, step });
      chosen = choice.setting;
      if (choice.singular.length > 0) notes.add(`singular: ${choice.singular.join(", ")}`);
      if (chosen !== undefined) notes.add(`chosen: ${classifier.describe(chosen)}`);
    }
    if (chosen === undefined) continue;
    const [fitted] = await classifier.fit({ problem, examples: problem.final.fit, group: [chosen], seed });
    step();
    if (fitted?.probabilities === undefined) {
      notes.add(`singular: ${classifier.describe(chosen)}`);
      continue;
    }
    const probabilities = fitted.probabilities(measure.features);
    const classes = problem.identity.classes.length;
    const result = classificationReport(measure.labels, predictedLabels(probabilities), classes);
    scores.push(result.weightedF1);
    losses.push(logLoss(probabilities, measure.labels));
    confusion ??= Array.from(result.confusion);
  }
  return { scores, notes: [...notes], series: { logLoss: losses }, ...(confusion === undefined ? {} : { confusion }) };
}

interface Choice<S> {
  readonly setting: S | undefined;
  readonly singular: string[];
}

async function choose<S>(
  classifier: Classifier<S>,
  { problem, seed, step }: { problem: Problem; seed: number; step: () => void },
): Promise<Choice<S>> {
  const { fit, check } = problem.choose;
  const singular: string[] = [];
  let setting: S | undefined;
  let best = Number.NEGATIVE_INFINITY;
  for (const group of classifier.groups) {
    for (const fitted of await classifier.fit({ problem, examples: fit, group, seed, check })) {
      if (fitted.probabilities === undefined) {
        singular.push(classifier.describe(fitted.setting));
        continue;
      }
      const predicted = predictedLabels(fitted.probabilities(check.features));
      const score = classificationReport(check.labels, predicted, problem.identity.classes.length).weightedF1;
      if (score > best) {
        best = score;
        setting = fitted.setting;
      }
    }
    step();
  }
  return { setting, singular };
}

/** A fit, or undefined where it is singular; other errors pass. */
export function unlessSingular<T>(fit: () => T): T | undefined {
  try {
    return fit();
  } catch (error) {
    if (error instanceof MlError && error.code === "singular") return undefined;
    throw error;
  }
}
