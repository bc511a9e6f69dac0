// Class weights against numbers worked out by hand.

import { describe, expect, test } from "vitest";
import { balanceClasses } from "./batches.js";

describe("balanceClasses", () => {
  test("weighs a class by the inverse root of its rows, the weights one on average over the rows", () => {
    const classes = ["often", "rarely", "never"];
    const row = (...target: number[]) => ({ ids: Int32Array.of(2, 3), target: Float32Array.from(target) });
    // Four rows and one: 1/2 and 1 before they are scaled, which together weigh 4/2 + 1 = 3 where five
    // rows shall weigh 5.
    const examples = [row(1, 0, 0), row(1, 0, 0), row(1, 0, 0), row(0.5, 0.5, 0), row(0.5, 0.5, 0)];
    balanceClasses({ name: "task", classes, examples });
    const [often, rarely] = [5 / 6, 5 / 3];
    for (const [i, expected] of [often, often, often, often / 2, often / 2].entries()) {
      expect(examples[i]!.target[0]).toBeCloseTo(expected, 6);
    }
    expect(examples[3]!.target[1]).toBeCloseTo(rarely / 2, 6);
    expect(examples.map(({ target }) => target[2])).toEqual([0, 0, 0, 0, 0]);
  });
});
