// Makes the task of a classifier and a choice of features. Equal requests of several tables give the same task,
// which is computed once.

import { classWeightCandidates } from "../../freezing/evaluation.js";
import type { Task } from "../workbench/outcome.js";
import { type FeatureChoice, featureKey, problemOf, taskKey, type Workbench } from "../workbench/workbench.js";
import { bpLimitSeconds, bpSeconds, bpTask } from "./bp-baseline.js";
import { type Classifier, measureClassifier } from "./classifiers.js";
import type { ElmClassifiers } from "./elm-classifier.js";
import { hiddenClassifier } from "./hidden-baseline.js";
import { adamLinear, optimalLinear } from "./linear-classifier.js";

export const classifierRows = [
  "BP",
  "Hidden",
  "Hidden (balanced)",
  "Linear",
  "Linear (optimum)",
  "Linear (optimum, balanced)",
  "Linear (optimum, class weights chosen)",
  "ELM",
  "ELM (balanced)",
  "OSELM",
  "OSELM (balanced)",
] as const;
export type ClassifierRow = (typeof classifierRows)[number];

export interface ClassifierBench extends Workbench {
  /** `elm` and `oselm` share their fits while settings are chosen. */
  readonly elm: ElmClassifiers;
}

/** undefined for a row that is not measured: `bp` of a large encoder without --with-bp. */
export function classifierTask(bench: ClassifierBench, choice: FeatureChoice, row: ClassifierRow): Task | undefined {
  switch (row) {
    case "BP":
      return isBpMeasured(bench, choice) ? bpTask(bench, choice.source) : undefined;
    case "Hidden":
      return hiddenTask(bench, choice, "none");
    case "Hidden (balanced)":
      return hiddenTask(bench, choice, "balanced");
    case "Linear":
      return taskOf(bench, choice, { classifier: adamLinear(bench.full, bench.heads), cost: 6 });
    case "Linear (optimum)":
      return taskOf(bench, choice, { classifier: optimalLinear(["none"], bench.heads), cost: 15 });
    case "Linear (optimum, balanced)":
      return taskOf(bench, choice, { classifier: optimalLinear(["balanced"], bench.heads), cost: 15 });
    case "Linear (optimum, class weights chosen)":
      return taskOf(bench, choice, { classifier: optimalLinear(classWeightCandidates, bench.heads), cost: 60 });
    case "ELM":
      return taskOf(bench, choice, { classifier: bench.elm.elm, cost: 35 });
    case "ELM (balanced)":
      return taskOf(bench, choice, { classifier: bench.elm.elmBalanced, cost: 25 });
    case "OSELM":
      return taskOf(bench, choice, { classifier: bench.elm.oselm, cost: 20 });
    case "OSELM (balanced)":
      return taskOf(bench, choice, { classifier: bench.elm.oselmBalanced, cost: 25 });
  }
}

function isBpMeasured({ withBp }: Workbench, { source, components }: FeatureChoice): boolean {
  return components === undefined && (withBp || bpSeconds(source) < bpLimitSeconds);
}

function hiddenTask(bench: Workbench, choice: FeatureChoice, classWeights: "balanced" | "none"): Task {
  const classifier = hiddenClassifier(bench.openTf, { full: bench.full, classWeights });
  return taskOf(bench, choice, { classifier, cost: classWeights === "none" ? 130 : 35 });
}

function taskOf<S>(
  bench: Workbench,
  choice: FeatureChoice,
  { classifier, cost }: { classifier: Classifier<S>; cost: number },
): Task {
  const scale = bench.full ? 4 : 1;
  const { source, components } = choice;
  const person = choice.speaker === undefined ? 1 : 0.05;
  return {
    key: taskKey(bench, import.meta.url, classifier.name, featureKey(choice)),
    what: `${classifier.name.split("-")[0]} on ${source.name}${components ? `, PCA ${components}` : ""}${choice.speaker ? `, ${choice.speaker}` : ""}`,
    cost: cost * scale * person,
    features: featureKey(components === undefined ? { source } : { source, components }),
    async compute(report) {
      // The extraction of features that were not cached is the first tenth.
      const problem = problemOf(bench, choice, (fraction) => report(0.1 * fraction));
      return measureClassifier(classifier, {
        problem,
        seeds: bench.seeds,
        chooseEachSeed: bench.full,
        report: (fraction) => report(0.1 + 0.9 * fraction),
      });
    },
  };
}
