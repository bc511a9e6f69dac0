import { expect, test } from "vitest";
import { inWords, ranked } from "./in-words.js";

const wordOf = (slug: string) => slug.toUpperCase();

test.each([
  [["joy"], "Sounds like JOY"],
  [["joy", "surprise"], "Sounds like JOY, maybe SURPRISE"],
  [["joy", "surprise", "anger"], "Sounds like JOY, maybe SURPRISE or ANGER"],
  [["joy", "fear", "anger", "sadness"], "Not sure: JOY, FEAR, ANGER or SADNESS"],
])("the set %o gives: %s", (predictionSet, expected) => {
  expect(inWords({ predictionSet }, wordOf)).toBe(expected);
});

test("the most probable label comes first", () => {
  expect(ranked({ probabilities: { a: 0.2, b: 0.5, c: 0.3 } }).map(({ slug }) => slug)).toEqual(["b", "c", "a"]);
});
