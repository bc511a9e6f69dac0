import { describe, expect, test } from "vitest";
import { readGolden, toMatrix } from "../../../../test/golden/heads/read.js";
import { createMatrix } from "../tensor/matrix.js";
import {
  accuracy,
  classificationReport,
  confusionMatrix,
  logLoss,
  macroF1,
  predictedLabels,
  weightedF1,
} from "./classification.js";

interface Golden {
  cases: {
    name: string;
    truth: number[];
    predicted: number[];
    classes: number;
    confusion: number[];
    accuracy: number;
    weightedF1: number;
    macroF1: number;
    precision: number[];
    recall: number[];
    f1: number[];
    support: number[];
  }[];
  logLoss: { probabilities: number[][]; labels: number[]; value: number };
}

const golden = readGolden<Golden>("metrics");

describe("Classification metrics", () => {
  test.each(golden.cases)("equal scikit-learn's: $name", (expected) => {
    const truth = Int32Array.from(expected.truth);
    const predicted = Int32Array.from(expected.predicted);
    const { classes } = expected;
    const report = classificationReport(truth, predicted, classes);
    expect(Array.from(confusionMatrix(truth, predicted, classes))).toEqual(expected.confusion);
    expect(accuracy(truth, predicted)).toBeCloseTo(expected.accuracy, 14);
    expect(weightedF1(truth, predicted, classes)).toBeCloseTo(expected.weightedF1, 14);
    expect(macroF1(truth, predicted, classes)).toBeCloseTo(expected.macroF1, 14);
    expect(report.accuracy).toBeCloseTo(expected.accuracy, 14);
    for (const [c, scores] of report.perClass.entries()) {
      expect(scores.precision).toBeCloseTo(expected.precision[c]!, 14);
      expect(scores.recall).toBeCloseTo(expected.recall[c]!, 14);
      expect(scores.f1).toBeCloseTo(expected.f1[c]!, 14);
      expect(scores.support).toBe(expected.support[c]);
    }
  });

  test("include scikit-learn's log-loss, finite even for a probability of zero", () => {
    const { probabilities, labels, value } = golden.logLoss;
    expect(logLoss(toMatrix(probabilities), Int32Array.from(labels))).toBeCloseTo(value, 6);
    const certain = createMatrix(1, 2, Float32Array.of(1, 0));
    expect(logLoss(certain, Int32Array.of(1))).toBeCloseTo(-Math.log(1e-15), 10);
  });

  test("take the first of equal probabilities as the prediction", () => {
    const probabilities = createMatrix(3, 3, Float32Array.of(0.2, 0.5, 0.3, 0.4, 0.2, 0.4, 1, 1, 1));
    expect(Array.from(predictedLabels(probabilities))).toEqual([1, 0, 0]);
  });

  test("refuse no rows, unequal lengths and labels outside the classes, naming the row", () => {
    const none = new Int32Array(0);
    expect(() => weightedF1(none, none, 7)).toThrow("No rows to measure");
    expect(() => accuracy(none, none)).toThrow("No rows to measure");
    expect(() => accuracy(Int32Array.of(1), Int32Array.of(1, 2))).toThrow("1 true labels but 2 predictions");
    expect(() => macroF1(Int32Array.of(0, 7), Int32Array.of(0, 1), 7)).toThrow("Row 1: labels 7 and 1");
    expect(() => confusionMatrix(Int32Array.of(0), Int32Array.of(-1), 7)).toThrow("0..6");
    expect(() => logLoss(createMatrix(1, 2, Float32Array.of(1, 0)), Int32Array.of(2))).toThrow("label 2");
  });
});
