import { fitLinear } from "@attune/ml/heads/linear";
import { createRandom } from "@attune/ml/tensor/random";
import { expect, test } from "vitest";
import { labelledRows } from "../../../../../test/golden/heads/labelled-rows.js";
import type { Clock } from "../ports.js";
import { createPace } from "./pace.js";
import { personalise } from "./personalise.js";

function steppingClock() {
  let nowMs = 0;
  let rests = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => {
      rests++;
      nowMs += 1_000;
    },
  };
  return {
    clock,
    pass: (ms: number) => {
      nowMs += ms;
    },
    rests: () => rests,
  };
}

test("work rests after a stretch of it and not before, and its own time leaves the rests out", async () => {
  const { clock, pass, rests } = steppingClock();
  const pace = createPace(clock);
  pass(19);
  await pace.yieldToOthers();
  expect(rests()).toBe(0);
  pass(6);
  await pace.yieldToOthers();
  expect(rests()).toBe(1);
  pass(3);
  expect(pace.workedMs()).toBe(28);
});

test.each([{ kind: "linear" } as const, { kind: "elm", hidden: 8, l2: 0.1 } as const])(
  "training a $kind head gives way between its fits, with the same result however often it does",
  async (headRecipe) => {
    const rows = labelledRows({ rows: 60, inputSize: 6, classes: 4, seed: 1 });
    const identity = { features: "f00d", classes: ["a", "b", "c", "d"] };
    const recipe = { optimizer: "lbfgs", learningRate: 0, epochs: 0, batchSize: 0, l2: 0.01 } as const;
    const prior = fitLinear({ ...rows, identity, recipe, random: createRandom(1) });
    const input = { ...rows, identity, prior, recipe: headRecipe };
    let breaths = 0;
    const often = await personalise(input, async () => {
      breaths++;
      await new Promise(setImmediate);
    });
    const never = await personalise(input, async () => undefined);
    expect(breaths).toBeGreaterThanOrEqual(5);
    expect(often.l2).toBe(never.l2);
    expect(often.head.save()).toEqual(never.head.save());
  },
);
