import { expect, test } from "vitest";
import { milestonesPassed } from "./milestones.js";

test("a milestone comes every 50 labels up to 250, then after a quarter more each", () => {
  const firsts = Array.from({ length: 1_501 }, (_, train) => train).filter(
    (train) => train > 0 && milestonesPassed(train) > milestonesPassed(train - 1),
  );
  expect(firsts).toEqual([50, 100, 150, 200, 250, 313, 392, 490, 613, 767, 959, 1_199, 1_499]);
});

test("never fewer milestones with more labels, and at most one new milestone per label", () => {
  for (let train = 1; train < 20_000; train++) {
    const step = milestonesPassed(train) - milestonesPassed(train - 1);
    expect(step === 0 || step === 1).toBe(true);
  }
});
