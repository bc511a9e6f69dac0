// The three baselines beside every table: bag of words, always neutral, and the features of an untrained encoder.

import { weightedF1 } from "@attune/ml/metrics/classification";
import { bagOfWordsPredictions } from "../../freezing/bag-of-words.js";
import { referenceLines } from "../paper.js";
import { commonestClass, labelsOf } from "../workbench/data.js";
import { type ExtractorSource, randomTwin } from "../workbench/extractor-source.js";
import { type Baselines, deviation, mean, type OutcomeOf, type Task } from "../workbench/outcome.js";
import { problemOf, taskKey, type Workbench } from "../workbench/workbench.js";
import { measureClassifier } from "./classifiers.js";
import { optimalLinear } from "./linear-classifier.js";

export interface BaselineTasks {
  readonly bagOfWords: Task;
  readonly alwaysNeutral: Task;
  readonly randomFeatures: Task;
}

/** `shape` is the extractor whose architecture and tokenizer the random encoders have. */
export function baselineTasks(bench: Workbench, shape: ExtractorSource): BaselineTasks {
  const classes = bench.data.classes.length;
  const commonest = commonestClass(bench.data);
  const truth = () => labelsOf(bench.measured);
  return {
    bagOfWords: {
      key: taskKey(bench, import.meta.url, "bag-of-words"),
      what: "bag of words",
      cost: 6,
      compute() {
        const { train } = bench.data;
        const training = { texts: train.map((row) => row.text), labels: labelsOf(train) };
        const texts = bench.measured.map((row) => row.text);
        const predictions = Array.from(bagOfWordsPredictions(training, texts, classes));
        const score = weightedF1(truth(), Int32Array.from(predictions), classes);
        return { scores: [score], notes: ["words and punctuation seen twice, C = 1"], series: { predictions } };
      },
    },
    alwaysNeutral: {
      key: taskKey(bench, import.meta.url, "always-neutral"),
      what: `always ${bench.data.classes[commonest]}`,
      cost: 0.1,
      compute() {
        const predictions = new Int32Array(bench.measured.length).fill(commonest);
        return { scores: [weightedF1(truth(), predictions, classes)], notes: [] };
      },
    },
    randomFeatures: {
      key: taskKey(bench, import.meta.url, "random-features", shape.key),
      what: "features of random encoders",
      cost: 110,
      async compute(report) {
        const scores: number[] = [];
        for (const [turn, seed] of bench.seeds.entries()) {
          const part = (fraction: number) => report((turn + fraction) / bench.seeds.length);
          const problem = problemOf(bench, { source: randomTwin(shape, seed) }, (fraction) => part(0.3 * fraction));
          const run = { problem, seeds: [seed], chooseEachSeed: true, report: (f: number) => part(0.3 + 0.7 * f) };
          scores.push(...(await measureClassifier(optimalLinear(["none"], bench.heads), run)).scores);
        }
        return {
          scores,
          notes: [`${shape.folder.config.numHiddenLayers} layers, ${shape.folder.config.hiddenSize} wide`],
        };
      },
    },
  };
}

export function baselinesOf(bench: Workbench, tasks: BaselineTasks, outcomeOf: OutcomeOf): Baselines {
  const line = (name: keyof BaselineTasks) => {
    const { scores } = outcomeOf(tasks[name]);
    return {
      measured: mean(scores),
      sd: deviation(scores),
      n: scores.length,
      reference: bench.data.isPaper ? referenceLines[name][bench.split] : null,
    };
  };
  return {
    bagOfWords: line("bagOfWords"),
    alwaysNeutral: { ...line("alwaysNeutral"), label: bench.data.classes[commonestClass(bench.data)]! },
    randomFeatures: line("randomFeatures"),
  };
}
