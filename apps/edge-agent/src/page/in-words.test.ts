import { expect, test } from "vitest";
import { inWords, ranked } from "./in-words.js";

const wordOf = (slug: string) => slug.toUpperCase();

test.each([
  [{ joy: 0.9, anger: 0.1 }, "Sounds like JOY"],
  [{ joy: 0.5, surprise: 0.3, anger: 0.2 }, "Sounds like JOY, maybe SURPRISE"],
  [{ anger: 0.3, joy: 0.36, fear: 0.34 }, "Not sure: JOY, FEAR or ANGER"],
])("%o gives: %s", (probabilities, expected) => {
  expect(inWords({ probabilities }, wordOf)).toBe(expected);
});

test("the most probable label comes first", () => {
  expect(ranked({ probabilities: { a: 0.2, b: 0.5, c: 0.3 } }).map(({ slug }) => slug)).toEqual(["b", "c", "a"]);
});
