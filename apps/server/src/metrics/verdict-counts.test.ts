import { expect, test } from "vitest";
import { shownVerdicts } from "./verdict-counts.js";

const worse = (devices: number, releaseSequence = 1) => ({ releaseSequence, verdict: "worse", devices });

test("the shown count grows only with every fifth device of a release, by five", () => {
  const shown = Array.from({ length: 13 }, (_, devices) => shownVerdicts([worse(devices)]).get("worse"));
  expect(shown).toEqual([0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10]);
});

test("devices of different releases and verdicts never fill up one step together", () => {
  expect(shownVerdicts([worse(4, 1), worse(4, 2)]).get("worse")).toBe(0);
  const shown = shownVerdicts([worse(9, 1), worse(5, 2), { releaseSequence: 1, verdict: "better", devices: 4 }]);
  expect(Object.fromEntries(shown)).toEqual({ worse: 10, better: 0 });
});
