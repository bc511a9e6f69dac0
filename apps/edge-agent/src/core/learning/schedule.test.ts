import { expect, test } from "vitest";
import { milestonesDue } from "./schedule.js";

test("lessons come every 50 labels up to 250, then after a quarter more each", () => {
  const firsts = Array.from({ length: 1_501 }, (_, train) => train).filter(
    (train) => train > 0 && milestonesDue(train) > milestonesDue(train - 1),
  );
  expect(firsts).toEqual([50, 100, 150, 200, 250, 313, 392, 490, 613, 767, 959, 1_199, 1_499]);
});

test("never fewer lessons with more labels, and at most one new lesson per label", () => {
  for (let train = 1; train < 20_000; train++) {
    const step = milestonesDue(train) - milestonesDue(train - 1);
    expect(step === 0 || step === 1).toBe(true);
  }
});
