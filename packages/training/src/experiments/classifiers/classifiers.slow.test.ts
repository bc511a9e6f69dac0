// The classifiers on a small problem that can be learned, and on one whose equations are singular.

import { referenceHeadKernels } from "@attune/ml/heads/reference-head-kernels";
import type { ClassWeights } from "@attune/ml/heads/softmax";
import { selectRows } from "@attune/ml/tensor/matrix";
import { describe, expect, test } from "vitest";
import { labelledRows } from "../../../../../test/golden/heads/labelled-rows.js";
import { openBackend } from "../../pretraining/backend/backend.js";
import { mean } from "../workbench/outcome.js";
import { type Examples, holdOut, type Problem, subset } from "../workbench/workbench.js";
import { type Classifier, measureClassifier } from "./classifiers.js";
import { createElmClassifiers } from "./elm-classifier.js";
import { hiddenClassifier } from "./hidden-baseline.js";
import { adamLinear, optimalLinear, sgdLinear } from "./linear-classifier.js";
import {
  drawnOrders,
  emptyPrior,
  fromScratch,
  inBatch,
  labelByLabel,
  othersPrior,
  personCurve,
  sampleCounts,
} from "./personal.js";

const classes = ["neutral", "joy", "surprise"];
const identity = { features: "made up", classes };

function examples(rows: number, seed: number): Examples {
  const made = labelledRows({ rows, inputSize: 6, classes: 3, seed });
  // Every seed has the same thing to learn: the label is the largest of the first three features.
  const labels = Int32Array.from({ length: rows }, (_, i) => {
    const row = made.features.data.subarray(i * 6, i * 6 + 3);
    return row.indexOf(Math.max(...row));
  });
  return { features: made.features, labels };
}

function problem(rows: number): Problem {
  const fit = examples(rows, 1);
  return { identity, choose: holdOut(fit, classes), final: { fit, measure: examples(120, 2) } };
}

/** The third class has a tenth of the rows and the labels are noisy, so plain classifiers hardly ever predict it. */
function rareProblem(): Problem {
  const noisy = (rows: number, seed: number): Examples => {
    const { features, labels } = labelledRows({ rows, inputSize: 6, classes: 3, seed, apart: 0.4 });
    return { features, labels };
  };
  const all = noisy(900, 1);
  const fit = subset(
    all,
    [...all.labels.keys()].filter((i) => all.labels[i] !== 2 || i % 8 === 0),
  );
  return { identity, choose: holdOut(fit, classes), final: { fit, measure: noisy(300, 2) } };
}

const openTf = async () => (await openBackend("tfjs-wasm")).tf;
const run = <S>(classifier: Classifier<S>, rows = 400, seeds = [1, 2]) =>
  measureClassifier(classifier, { problem: problem(rows), seeds, chooseEachSeed: false, report: () => {} });

describe("A classifier under experiment", () => {
  test.each([
    ["linear, SGD", sgdLinear(referenceHeadKernels), 2],
    ["linear, optimum", optimalLinear(["none"], referenceHeadKernels), 1],
    ["linear, balanced", optimalLinear(["balanced"], referenceHeadKernels), 1],
    ["linear, class weights chosen", optimalLinear(["none", "mild"], referenceHeadKernels), 1],
    ["hidden", hiddenClassifier(openTf, { full: false, classWeights: "none" }), 2],
    ["elm", createElmClassifiers().elm, 2],
    ["elm, balanced", createElmClassifiers().elmBalanced, 2],
  ] as const)(
    "%s learns, says what was chosen, and counts its runs",
    async (_, classifier, runs) => {
      const finding = await run(classifier as Classifier<unknown>);
      expect(finding.scores).toHaveLength(runs);
      for (const score of finding.scores) expect(score).toBeGreaterThan(0.75);
      expect(finding.notes.some((note) => note.startsWith("chosen: "))).toBe(true);
      expect(finding.confusion!.reduce((sum, count) => sum + count, 0)).toBe(120);
      for (const name of ["macroF1", "logLoss", "brier", "ece", "plain logLoss", "temperature"]) {
        expect(finding.series![name], name).toHaveLength(runs);
      }
      expect(finding.series!.confidence).toHaveLength(15);
    },
    60_000,
  );

  test("has probabilities that are better with a temperature where they are least squares", async () => {
    const { series } = await run(createElmClassifiers().elm);
    expect(mean(series!.logLoss!)!).toBeLessThan(mean(series!["plain logLoss"]!)!);
    expect(mean(series!.ece!)!).toBeLessThan(0.1);
  });

  test.each([
    ["linear", optimalLinear(["none"], referenceHeadKernels), optimalLinear(["balanced"], referenceHeadKernels)],
    ["elm", createElmClassifiers().elm, createElmClassifiers().elmBalanced],
    [
      "hidden",
      hiddenClassifier(openTf, { full: false, classWeights: "none" }),
      hiddenClassifier(openTf, { full: false, classWeights: "balanced" }),
    ],
  ] as const)(
    "%s finds more of a rare class when classes are balanced",
    async (_, plain, balanced) => {
      const rare = rareProblem();
      const found = async (classifier: unknown) => {
        const options = { problem: rare, seeds: [1], chooseEachSeed: false, report: () => {} };
        const { confusion } = await measureClassifier(classifier as Classifier<unknown>, options);
        return confusion![8]!;
      };
      expect(await found(balanced)).toBeGreaterThan(await found(plain));
    },
    60_000,
  );

  test("linear takes the class weights that do best on the rows to choose on, and says which", async () => {
    const options = { problem: rareProblem(), seeds: [1], chooseEachSeed: false, report: () => {} };
    const measured = (weights: readonly ClassWeights[]) =>
      measureClassifier(optimalLinear(weights, referenceHeadKernels), options);
    const chosen = await measured(["none", "mild", "tempered", "balanced"]);
    const [, name] = /class weights (\w+)$/.exec(chosen.notes.find((note) => note.startsWith("chosen"))!)!;
    expect(name).not.toBe("none");
    expect(chosen.scores).toEqual((await measured([name as ClassWeights])).scores);
  });

  test("Adam with the paper's rate moves the loss down", async () => {
    const [first] = (await run(adamLinear(false, referenceHeadKernels), 300, [1])).series!.logLoss!;
    expect(first).toBeLessThan(Math.log(3));
  });

  test("notes singular cells and chooses another", async () => {
    const { elm } = createElmClassifiers();
    const finding = await run(elm, 60, [1]);
    expect(finding.notes.find((note) => note.startsWith("singular"))).toMatch(/1000 units, l2 0(,|$)/);
    expect(finding.notes.find((note) => note.startsWith("chosen"))).not.toMatch(/(100|200|500|1000) units, l2 0$/);
    expect(finding.scores).toHaveLength(1);
  });

  test("gives no number where every setting is singular", async () => {
    const { elm } = createElmClassifiers();
    const only = { ...elm, groups: [[{ hidden: 200, l2: 0 }]] };
    const finding = await run(only, 60, [1, 2]);
    expect(finding.scores).toEqual([]);
    expect(finding.notes).toEqual(["singular: 200 units, l2 0"]);
    expect(finding.confusion).toBeUndefined();
  });

  test("OSELM fed in chunks measures what ELM does", async () => {
    const { elm, oselm, elmBalanced, oselmBalanced } = createElmClassifiers();
    for (const [whole, chunked] of [
      [elm, oselm],
      [elmBalanced, oselmBalanced],
    ] as const) {
      const [batch, online] = [await run(whole), await run(chunked)];
      expect(online.scores).toEqual(batch.scores);
      expect(online.notes).toEqual(batch.notes);
    }
  });
});

describe("A person's curve", () => {
  test("starts at the prior, draws for each seed, and ends at one run over all rows", () => {
    const everyone = examples(300, 1);
    const own = examples(90, 3);
    const prior = othersPrior(everyone, identity, referenceHeadKernels);
    const measure = examples(100, 4);
    const problem = { train: own, measure, prior, learn: inBatch(prior, {}, referenceHeadKernels), isOrdered: false };
    const curve = personCurve(problem, () => {});
    expect(curve.map((scores) => scores.length)).toEqual(
      sampleCounts.map((n) => (n === 0 || n >= 90 ? 1 : drawnOrders)),
    );
    for (const score of curve.flat()) expect(score).toBeGreaterThan(0.8);
    const empty = emptyPrior(own, identity);
    const blank = { ...problem, prior: empty, learn: inBatch(empty, fromScratch, referenceHeadKernels) };
    const scratch = personCurve(blank, () => {});
    expect(scratch[1]![0]!).toBeLessThan(curve[1]![0]!);
    expect(scratch.at(-1)![0]!).toBeGreaterThan(0.75);
  });

  test("of a mixture that learns label by label starts at the prior, and follows a person who means other words", () => {
    const prior = othersPrior(examples(300, 1), identity, referenceHeadKernels);
    const turned = ({ features, labels }: Examples) => ({ features, labels: labels.map((label) => (label + 1) % 3) });
    const [own, measure] = [turned(examples(220, 3)), turned(examples(100, 4))];
    const curve = personCurve(
      { train: own, measure, prior, learn: labelByLabel(prior, referenceHeadKernels), isOrdered: true },
      () => {},
    );
    expect(curve.map((scores) => scores.length)).toEqual(sampleCounts.map((n) => (n === 0 ? 1 : drawnOrders)));
    expect(curve[0]![0]!).toBeLessThan(0.1);
    expect(curve.at(-1)![0]!).toBeGreaterThan(0.75);
  });

  test("a fifth is held out, by label, and the rest is kept", () => {
    const all = examples(100, 1);
    const { fit, check } = holdOut(all, classes);
    expect(fit.labels.length + check.labels.length).toBe(100);
    expect(check.labels.length).toBeGreaterThan(15);
    expect(subset(all, [3]).features).toEqual(selectRows(all.features, [3]));
  });
});
