// The progress of a training run shows what a waiting person wants to know.

import { progressText } from "@attune/platform/progress";
import { expect, test } from "vitest";
import { trainingProgress } from "./progress.js";

const report = { step: 5, steps: 10, epoch: 0, epochs: 2, loss: 1.23456, devMetric: undefined, secondsLeft: 125 };

test("holds the time left as the trainer knows it, epoch, step, loss and dev metric", () => {
  expect(progressText(trainingProgress(report))).toMatch(
    / 50% · 2 min 5 s left · epoch 1\/2 · step 5\/10 · loss 1\.2346$/,
  );
  expect(progressText(trainingProgress({ ...report, devMetric: 0.5 }))).toMatch(/ · loss 1\.2346 · dev 0\.5000$/);
});
